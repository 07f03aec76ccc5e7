import { spawnSync } from 'node:child_process';
import { commandExists, run, shellLine } from './run.mjs';

/**
 * The system packages, and why. A package counts as there when its `commands` are found (wherever they
 * came from: a machine with another vendor's containerd keeps it), else when dpkg has it installed.
 */
export const PACKAGES = [
  { name: 'clang', commands: ['clang'], why: 'compiles the eBPF programs', for: 'build' },
  { name: 'llvm', commands: ['llvm-strip'], why: 'strips the eBPF objects', for: 'build' },
  { name: 'bpftool', commands: ['bpftool'], why: 'links and inspects eBPF objects', for: 'build' },
  { name: 'libbpf-dev', why: 'loads eBPF programs; linked into the addon', for: 'build' },
  { name: 'libelf-dev', why: 'libbpf reads ELF with it', for: 'build' },
  { name: 'zlib1g-dev', why: 'libbpf reads compressed sections with it', for: 'build' },
  { name: 'g++', commands: ['g++', 'gcc'], why: 'compiles the native addon', for: 'build' },
  { name: 'make', commands: ['make'], why: 'runs both native builds', for: 'build' },
  {
    name: 'containerd',
    commands: ['containerd', 'ctr'],
    why: "runs the demo's container",
    for: 'demo',
  },
  { name: 'runc', commands: ['runc'], why: 'starts containers for containerd', for: 'demo' },
  { name: 'busybox-static', why: "the demo's container image is made of it", for: 'demo' },
  {
    name: 'clang-format',
    commands: ['clang-format'],
    why: 'checks the form of C and C++',
    for: 'test',
  },
  {
    name: 'qemu-system-x86',
    commands: ['qemu-system-x86_64'],
    why: 'boots other kernels to test on',
    for: 'test',
  },
  {
    name: 'openjdk-17-jre-headless',
    commands: ['java'],
    why: 'runs the Elasticsearch that the sink is tested against',
    for: 'test',
  },
  { name: 'maven', commands: ['mvn'], why: 'fetches that Elasticsearch', for: 'test' },
  {
    name: 'git',
    commands: ['git'],
    why: 'tests of the tree ask it which files there are',
    for: 'test',
  },
  { name: 'xz-utils', commands: ['xz'], why: 'unpacks modules of those kernels', for: 'test' },
  { name: 'unzip', commands: ['unzip'], why: 'unpacks that Elasticsearch', for: 'test' },
];

/** What stops working without the packages of a group. */
export const WITHOUT = {
  build: 'the agent (kernel programs and native addon) is not built; control plane and API work',
  demo: 'npm run demo and the tests with real containers do not run',
  test: 'tests of other kernels and of Elasticsearch do not run',
};

const onDebian = () => commandExists('dpkg-query') && commandExists('apt-get');
const APT_ENV = { DEBIAN_FRONTEND: 'noninteractive' };
/** Nothing that is there is ever removed for our sake; another apt at work is waited for. */
const APT_OPTIONS = ['-y', '-o', 'DPkg::Lock::Timeout=300'];

/** The wanted packages that are not there. */
export function missingPackages({ test }) {
  const wanted = PACKAGES.filter((entry) => test || entry.for !== 'test');
  const unsure = wanted.filter((entry) => !entry.commands?.every(commandExists));
  if (unsure.length === 0) return [];
  const installed = onDebian() ? installedPackages(unsure.map((entry) => entry.name)) : new Set();
  return unsure.filter((entry) => !installed.has(entry.name));
}

function installedPackages(names) {
  const { stdout } = spawnSync('dpkg-query', ['-s', ...names], { encoding: 'utf8' });
  const records = (stdout ?? '').split('\n\n');
  return new Set(
    records
      .filter((record) => /^Status: install ok installed$/m.test(record))
      .map((record) => /^Package: (.+)$/m.exec(record)?.[1]),
  );
}

/** Why packages cannot be installed from here, or undefined when they can. */
export function cannotInstall() {
  if (!onDebian()) return 'this is not Debian or Ubuntu: install what corresponds to these by hand';
  if (process.getuid?.() !== 0) return 'not root';
  return undefined;
}

/** The command that installs them, for a person who is not root. */
export function installCommand(packages) {
  const names = packages.map((entry) => entry.name);
  return `sudo apt-get update && sudo ${shellLine('apt-get', ['install', '--no-install-recommends', ...names])}`;
}

/** One `apt-get update` for the whole set-up, when the first package is to be fetched. */
export function createApt(say) {
  let updated = false;
  const update = async () => {
    if (!updated) await run('apt-get', ['update', ...APT_OPTIONS], { env: APT_ENV, say });
    updated = true;
  };
  return {
    update,
    async install(packages) {
      await update();
      const names = packages.map((entry) => entry.name);
      const args = ['install', ...APT_OPTIONS, '--no-install-recommends', '--no-remove', ...names];
      await run('apt-get', args, { env: APT_ENV, say });
    },
  };
}
