// `npm run setup`: brings a fresh checkout on a fresh machine to where everything runs.
// Plain JavaScript without dependencies: it runs before there are any.
import { build, pendingBuild } from './build.mjs';
import { testFetches } from './lib/fetch.mjs';
import { installNpm, npmMissing } from './lib/npm.mjs';
import {
  cannotInstall,
  createApt,
  installCommand,
  missingPackages,
  WITHOUT,
} from './lib/packages.mjs';
import { duration, printError } from './lib/run.mjs';

const HELP = `usage: npm run setup [-- --test]

Installs and builds whatever is missing, and skips what is there:
  system packages   by apt-get, when root on Debian or Ubuntu; else it prints the command
  npm packages      npm ci, as package-lock.json says, into node_modules/
  build             types of the contract, eBPF programs, native addon, TypeScript, into dist/

  --test            also what only the tests need: QEMU and kernels, Java, Maven and an
                    Elasticsearch, a newer Node, clang-format
  BULKHEAD_SETUP=check   only tells what is missing; exit code 1 when something is
`;

/** Every step with what it lacks, each as a line for a person; nothing is changed yet. */
async function plan({ test }) {
  const packages = missingPackages({ test });
  const npm = npmMissing();
  const steps = [
    {
      name: 'system packages',
      todo: packages.map(({ name, why }) => `${name.padEnd(23)} ${why}`),
      run: (_say, apt) => installPackages(packages, apt),
    },
    { name: 'npm packages', todo: npm ? [`npm ci (${npm})`] : [], run: installNpm },
  ];
  for (const fetch of test ? testFetches() : []) {
    const missing = await fetch.missing();
    steps.push({
      name: fetch.name,
      todo: missing ? [`${fetch.name.padEnd(23)} ${fetch.why}`] : [],
      async run(say, apt) {
        const lacking = fetch.lacks();
        if (lacking) return `left out, not on this machine: ${lacking}`;
        return fetch.run(say, apt);
      },
    });
  }
  steps.push({
    name: 'build',
    todo: pendingBuild(),
    async run() {
      if (!(await build()))
        throw new Error('the build failed: see above; npm run build repeats it');
    },
  });
  return steps;
}

async function installPackages(packages, apt) {
  const reason = cannotInstall();
  if (!reason) return apt.install(packages);
  const groups = new Set(packages.map((entry) => entry.for));
  const without = [...groups].map((group) => `\n        without them: ${WITHOUT[group]}`).join('');
  return `left out (${reason}); as root:\n        ${installCommand(packages)}${without}`;
}

async function setUp({ test, onlyTell }) {
  const startedAt = Date.now();
  const steps = await plan({ test });
  const open = steps.filter((step) => step.todo.length > 0);
  if (open.length === 0) {
    console.log(`set-up: everything is there (${duration(Date.now() - startedAt)})`);
    return true;
  }
  console.log(`set-up: ${open.length} of ${steps.length} steps to do`);
  for (const step of open) {
    console.log(`  ${step.name}`);
    for (const line of step.todo) console.log(`      ${line}`);
  }
  if (onlyTell) return false;
  const apt = createApt((line) => console.log(`        ${line}`));
  for (const [index, step] of steps.entries()) {
    const title = `[${index + 1}/${steps.length}] ${step.name}`;
    if (step.todo.length === 0 && step.name !== 'build') {
      console.log(`${title}: there already`);
      continue;
    }
    console.log(`${title} ...`);
    const stepStartedAt = Date.now();
    const outcome = await step.run((line) => console.log(`        ${line}`), apt);
    console.log(`${title}: ${outcome ?? 'done'} (${duration(Date.now() - stepStartedAt)})`);
  }
  console.log(`set-up: done in ${duration(Date.now() - startedAt)}`);
  return true;
}

function nodeIsTooOld() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major < 20 || (major === 20 && minor < 19);
}

const flags = process.argv.slice(2);
const unknown = flags.find((flag) => !['--test', '--help', '-h'].includes(flag));
if (flags.includes('--help') || flags.includes('-h')) {
  process.stdout.write(HELP);
} else if (unknown) {
  console.error(`set-up: unknown option ${unknown}\n\n${HELP}`);
  process.exitCode = 2;
} else if (nodeIsTooOld()) {
  console.error(`set-up: Node 20.19 or newer is needed, this is ${process.version}`);
  process.exitCode = 1;
} else {
  const onlyTell = process.env.BULKHEAD_SETUP === 'check';
  try {
    const succeeded = await setUp({ test: flags.includes('--test'), onlyTell });
    process.exitCode = succeeded ? 0 : 1;
  } catch (error) {
    printError(error);
    console.error('set-up: stopped; run it again to go on from here');
    process.exitCode = 1;
  }
}
