// `npm run fresh`: proves what README lists as needs. Bootstraps a bare Debian 12 into a folder, with
// this machine's package sources and Node and nothing else, clones the committed repository into it,
// and runs set-up, tests and demo there, with that folder as their root.
import { execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { createApt } from './lib/packages.mjs';
import { ROOT, STATE } from './lib/paths.mjs';
import { CommandError, commandExists, duration, printError, run } from './lib/run.mjs';

const HELP = `usage: npm run fresh [-- --dir DIR] [--keep] [--only setup,test,demo]

  --dir DIR   where the bare Debian goes (default .bulkhead/fresh; it must not be there yet)
  --keep      leave it there afterwards
  --only      which of the steps to run, in this order; default: all

Needs root and debootstrap (installed by apt when missing). What is committed is what is proven.
`;

const SUITE = 'bookworm';
const CHECKOUT = '/root/bulkhead';
/**
 * What the bare root needs of the machine, gone with the mount namespace. It becomes the root of that
 * namespace (pivot_root, not chroot: in a chroot no further namespaces can be made, and / is no mount).
 */
const ENTER = `
set -eu
root=$1; shift
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/run"
# Another instance than the machine's: no pin of one is seen by the other.
if [ -d "$root/sys/fs/bpf" ]; then mount -t bpf bpf "$root/sys/fs/bpf"; fi
cd "$root"
pivot_root . mnt
cd /
umount -l /mnt
exec /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  LANG=C.UTF-8 CI=true NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$@"
`;

const STEPS = {
  setup: ['npm', 'run', 'setup'],
  test: ['npm', 'test'],
  demo: ['npm', 'run', 'demo'],
};

async function bootstrap(root) {
  if (!commandExists('debootstrap')) {
    await createApt(console.log).install([{ name: 'debootstrap' }]);
  }
  const args = ['--variant=minbase', '--include=ca-certificates', SUITE, root, mirrorOf()];
  await run('debootstrap', args, { say: (line) => console.log(`  ${line}`) });
  copyInto(root, '/etc/apt/sources.list');
  copyInto(root, '/etc/apt/sources.list.d');
  copyInto(root, '/etc/resolv.conf');
  copyInto(root, '/etc/hosts');
  await trustAsHere(root);
  for (const name of readdirSync('/etc/apt/apt.conf.d')) {
    const path = `/etc/apt/apt.conf.d/${name}`;
    if (/acquire|proxy/i.test(readFileSync(path, 'utf8'))) copyInto(root, path);
  }
  for (const name of ['.npmrc', '.m2/settings.xml'])
    copyInto(root, join(homedir(), name), `/root/${name}`);
  copyInto(root, '/etc/npmrc');
  copyInto(root, '/usr/etc/npmrc');
  copyNode(root);
}

/** Authorities that this machine trusts beyond Debian's own: a proxy's, say. */
async function trustAsHere(root) {
  const bundle = '/etc/ssl/certs/ca-certificates.crt';
  if (!existsSync(bundle)) return;
  const certificates = (path) =>
    readFileSync(path, 'utf8').match(
      /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g,
    ) ?? [];
  const known = new Set(certificates(root + bundle));
  const more = certificates(bundle).filter((certificate) => !known.has(certificate));
  more.forEach((certificate, index) => {
    writeFileSync(
      `${root}/usr/local/share/ca-certificates/machine-${index}.crt`,
      `${certificate}\n`,
    );
  });
  if (more.length > 0) await run('chroot', [root, 'update-ca-certificates']);
}

/** The address that this machine installs Debian from. */
function mirrorOf() {
  const folder = '/etc/apt/sources.list.d';
  const files = existsSync('/etc/apt/sources.list') ? ['/etc/apt/sources.list'] : [];
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    if (/\.(list|sources)$/.test(name)) files.push(join(folder, name));
  }
  const text = files.map((file) => readFileSync(file, 'utf8')).join('\n');
  const found = /^(?:URIs:\s*|deb\s+(?:\[[^\]]*\]\s*)?)(\S*\/debian\/?)(?:\s|$)/m.exec(text);
  if (!found?.[1])
    throw new CommandError('the package sources of this machine name no Debian mirror');
  return found[1];
}

/** Node's binary and its npm, where they belong. */
function copyNode(root) {
  cpSync(realpathSync(process.execPath), `${root}/usr/local/bin/node`);
  const npm = realpathSync(join(dirname(process.execPath), 'npm'));
  const npmFolder = dirname(dirname(npm));
  cpSync(npmFolder, `${root}/usr/local/lib/node_modules/npm`, { recursive: true });
  for (const name of ['npm', 'npx']) {
    symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, `${root}/usr/local/bin/${name}`);
  }
}

/** With what links point to, for that need not be in the bare root. */
function copyInto(root, from, to = from) {
  if (!existsSync(from)) return;
  mkdirSync(dirname(root + to), { recursive: true });
  execFileSync('cp', ['-rL', '--remove-destination', '--no-target-directory', from, root + to], {
    stdio: 'pipe',
  });
}

/** Runs a command in the bare root, in a mount namespace of its own; shows and logs what it prints. */
function enter(root, command, logFile) {
  const script = ['--mount', '--propagation', 'private', 'sh', '-c', ENTER, 'enter', root];
  const inside = ['sh', '-c', `cd ${CHECKOUT} && exec "$@"`, 'step', ...command];
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', [...script, ...inside], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        process.stdout.write(chunk);
        appendFileSync(logFile, chunk);
      });
    }
    child.on('error', reject);
    // Not close: something left behind may hold the pipes open.
    child.on('exit', (code) => {
      const left = endProcessesIn(root);
      if (left.length > 0) console.log(`fresh: left behind, ended now: ${left.join(', ')}`);
      resolve(left.length > 0 ? 1 : (code ?? 1));
    });
  });
}

/** Kills what has the folder as its root (nobody but us starts anything there) and names it. */
function endProcessesIn(root) {
  const own = statSync(root);
  const inside = (pid) => {
    try {
      const found = statSync(`/proc/${pid}/root/`);
      return found.ino === own.ino && found.dev === own.dev;
    } catch {
      // It has ended, or it is the machine's own and nobody may look: what we start, we may look at.
      return false;
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && inside(name))
    .map((pid) => {
      const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
      process.kill(Number(pid), 'SIGKILL');
      return `${name} (${pid})`;
    });
}

/** Every package that apt put there beyond what debootstrap did. */
function packagesOf(root) {
  const status = readFileSync(`${root}/var/lib/dpkg/status`, 'utf8');
  return new Set([...status.matchAll(/^Package: (.+)$/gm)].map((match) => match[1]));
}

async function remove(root) {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.split(' ')[4]?.startsWith(`${root}/`));
  if (mounts.length > 0) throw new CommandError(`still mounted below ${root}: not removed`);
  await run('rm', ['-rf', '--one-file-system', root]);
}

async function prove({ root, keep, steps }) {
  if (process.getuid?.() !== 0) throw new CommandError('needs root: it makes a mount namespace');
  if (existsSync(root)) throw new CommandError(`${root} is there already: remove it first`);
  mkdirSync(dirname(root), { recursive: true });
  mkdirSync(STATE, { recursive: true });
  const startedAt = Date.now();
  const rows = [];
  const timed = async (name, act) => {
    console.log(`\n== ${name}`);
    const stepStartedAt = Date.now();
    const code = (await act()) ?? 0;
    rows.push(
      `${name.padEnd(12)} ${code === 0 ? 'passed' : `failed (${code})`}  ${duration(Date.now() - stepStartedAt)}`,
    );
    return code;
  };
  let failed = 0;
  try {
    await timed('bootstrap', () => bootstrap(root));
    const bare = packagesOf(root);
    await timed('clone', () => clone(root));
    for (const step of steps) {
      const logFile = `${STATE}/fresh-${step}.log`;
      writeFileSync(logFile, '');
      failed = await timed(step, () => enter(root, STEPS[step], logFile));
      if (failed !== 0) break;
    }
    const added = [...packagesOf(root)].filter((name) => !bare.has(name));
    console.log(`\nfresh: apt installed ${added.length} packages, with what they depend on:`);
    console.log(`  ${added.sort().join(' ')}`);
    console.log(rows.map((row) => `  ${row}`).join('\n'));
    console.log(
      `fresh: ${failed === 0 ? 'passed' : 'failed'} after ${duration(Date.now() - startedAt)}`,
    );
  } finally {
    if (!keep && existsSync(root)) await remove(root);
  }
  return failed === 0;
}

async function clone(root) {
  await run('git', ['clone', '--quiet', '--no-hardlinks', ROOT, `${root}${CHECKOUT}`]);
}

const { values } = parseArgs({
  options: {
    dir: { type: 'string' },
    keep: { type: 'boolean' },
    only: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  process.stdout.write(HELP);
} else {
  const steps = values.only?.split(',') ?? Object.keys(STEPS);
  const unknown = steps.find((step) => !(step in STEPS));
  try {
    if (unknown) throw new CommandError(`no such step: ${unknown}`);
    const root = values.dir ?? `${STATE}/fresh`;
    process.exitCode = (await prove({ root, keep: values.keep, steps })) ? 0 : 1;
  } catch (error) {
    printError(error);
    process.exitCode = 1;
  }
}
