import type { Technique } from '../technique.js';

const ADMIN = { capabilities: ['CAP_SYS_ADMIN'] };

const TABLE: readonly Omit<Technique, 'operation'>[] = [
  { name: 'copied', program: 'copied', about: 'a copy in /tmp' },
  { name: 'by-shell', program: 'by-shell.sh', about: 'cp, chmod and exec by the shell' },
  { name: 'init', program: 'init', about: "exec by the container's first process" },
  { name: 'downloaded', program: 'downloaded', about: 'read from a TCP socket' },
  { name: 'overwritten', program: 'overwritten', about: "an image program's bytes replaced" },
  {
    name: 'renamed-over',
    program: 'renamed-over',
    about: 'renamed to the path of an image program',
  },
  { name: 'hard-link', program: 'hard-link', about: 'another name for a drifted file' },
  { name: 'symbolic-link', program: 'symbolic-link', about: 'a link to a drifted file' },
  { name: 'bind-mount', program: 'bind-mount', about: 'mounted over an image path', needs: ADMIN },
  { name: 'unnamed-file', program: 'unnamed-file', about: 'O_TMPFILE, by /proc/self/fd' },
  {
    ...{ name: 'unnamed-file-shm', program: 'unnamed-file', words: ['/dev/shm'] },
    about: 'O_TMPFILE in /dev/shm',
  },
  { name: 'memfd', program: 'memory-file', about: 'memfd_create and fexecve' },
  {
    ...{ name: 'memfd-sealed', program: 'memory-file', words: ['sealed'] },
    about: 'a memfd that can no longer be changed',
  },
  { name: 'empty-path', program: 'empty-path', about: 'execveat with AT_EMPTY_PATH' },
  {
    ...{ name: 'dev-shm', program: 'copied', words: ['/dev/shm'] },
    about: 'a copy in /dev/shm',
  },
  { name: 'own-tmpfs', program: 'own-tmpfs', about: 'a tmpfs of its own', needs: ADMIN },
  { name: 'own-overlay', program: 'own-overlay', about: 'an overlay of its own', needs: ADMIN },
  {
    ...{ name: 'volume', program: 'copied', words: ['/volume'] },
    about: 'a copy in a volume, as emptyDir is one',
    needs: { volume: true },
  },
  { name: 'script', program: 'script', about: 'a drifted script, run by a shell of the image' },
  { name: 'interpreter', program: 'interpreter', about: 'an image script, a drifted interpreter' },
  { name: 'old-descriptor', program: 'old-descriptor', about: 'chmod after an old descriptor' },
  { name: 'thread', program: 'thread', about: 'exec by a thread that is not the leader' },
  {
    ...{ name: 'nested-cgroup', program: 'nested-cgroup', needs: { cgroup: true } },
    about: 'from a cgroup that the container made',
  },
  { name: 'namespaces', program: 'namespaces', about: 'from new user, mount, pid namespaces' },
  { name: 'proc-root', program: 'proc-root', about: 'by /proc/1/root' },
  {
    ...{ name: 'deleted-self', program: 'deleted-self', needs: { latePolicy: true } },
    about: '/proc/self/exe of a deleted file; it ran before the policy came',
  },
  {
    ...{ name: 'deleted-descriptor', program: 'deleted-descriptor' },
    about: 'opened, deleted, fexecve',
  },
  { name: 'binfmt-misc', program: 'binfmt-misc', about: 'interpreter of a format of its own' },
  {
    ...{ name: 'swapped-links', program: 'swapped', words: ['links', '10000'] },
    ...{ controlWords: ['links', '500'], about: 'links exchanged between check and use' },
  },
  {
    ...{ name: 'swapped-files', program: 'swapped', words: ['files', '10000'] },
    ...{ controlWords: ['files', '500'], about: 'files exchanged between check and use' },
  },
  { name: 'long-path', program: 'long-path', about: 'below some 4000 bytes of path' },
  { name: 'odd-name', program: 'odd-name', about: 'line end and bytes above 0x7f in its name' },
  { name: 'vfork', program: 'vfork', about: 'vfork and exec' },
  { name: 'posix-spawn', program: 'posix-spawn', about: 'posix_spawn' },
  {
    ...{ name: 'stalled-rings', program: 'stalled-rings', words: ['5000'], controlWords: ['100'] },
    ...{ about: 'many execs while nobody reads the rings', needs: { stalledRings: true } },
  },
];

export const EXEC_TECHNIQUES: readonly Technique[] = TABLE.map((technique) => ({
  ...technique,
  operation: 'exec',
}));
