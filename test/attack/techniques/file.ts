import { protectFiles } from '../policies.js';
import type { Technique } from '../technique.js';

const TABLE: readonly Omit<Technique, 'operation'>[] = [
  {
    ...{ name: 'uring-read', program: 'uring-open', words: ['read'] },
    ...{ about: 'io_uring opens for reading', policy: protectFiles('openFile') },
  },
  {
    ...{ name: 'uring-create', program: 'uring-open', words: ['create'] },
    ...{ about: 'io_uring creates', policy: protectFiles('createFile') },
    proof: 'etc/protected/new',
  },
  {
    ...{ name: 'uring-modify', program: 'uring-open', words: ['modify'] },
    ...{ about: 'io_uring opens for writing', policy: protectFiles('modifyFile') },
    proof: 'etc/protected/secret',
  },
  {
    ...{ name: 'uring-rename', program: 'uring-rename' },
    ...{ words: ['/etc/protected/secret', '/tmp/taken'], policy: protectFiles('renameFile') },
    ...{ about: 'io_uring renames', proof: 'tmp/taken' },
  },
  {
    ...{ name: 'uring-rename-over', program: 'uring-rename' },
    ...{ words: ['/tmp/data', '/etc/protected/secret'], policy: protectFiles('modifyFile') },
    ...{ about: 'io_uring renames over a file', proof: 'etc/protected/secret' },
  },
  {
    ...{ name: 'uring-unlink', program: 'uring-unlink', policy: protectFiles('deleteFile') },
    // A whiteout.
    ...{ about: 'io_uring deletes', proof: 'etc/protected/secret' },
  },
  {
    ...{ name: 'uring-link', program: 'uring-link', policy: protectFiles('createFile') },
    ...{ about: 'io_uring makes a hard link', proof: 'etc/protected/new' },
  },
];

export const FILE_TECHNIQUES: readonly Technique[] = TABLE.map((technique) => ({
  ...technique,
  operation: 'file',
}));
