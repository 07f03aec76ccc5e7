import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildActs } from '../kernel/acts.js';
import { ROOT } from '../support/root.js';
import { errorsOf, type MemoryError } from './valgrind.js';

const HELP = `npm run memcheck [-- --tool asan|valgrind] [--keep]

Runs the addon through wrong use, full maps, environments that end, and the kernel cases, with
AddressSanitizer and UndefinedBehaviorSanitizer (half a minute, after a build of two) or valgrind
(some minutes, two cases). Both by default. Exit code 1 where an error has a part of the addon in it.

  --keep  leaves the instrumented build, which the next run then uses

Needs root, g++ with its sanitizers, and valgrind (apt-get install valgrind): without it that half is left out.
`;

const WORK = join(ROOT, '.bulkhead/memcheck');
const TOOLS = ['asan', 'valgrind'] as const;
/** Under valgrind a case takes 20 times as long. */
const VALGRIND_CASES = '2';

const ASAN_FLAGS = [
  ...['-std=c++17', '-O1', '-g', '-fPIC', '-fvisibility=hidden', '-fno-omit-frame-pointer'],
  ...['-Wall', '-Wextra', '-fsanitize=address,undefined'],
];

interface Finding {
  readonly exitCode: number | null;
  readonly errors: readonly MemoryError[];
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      tool: { type: 'string' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const wanted = TOOLS.filter((tool) => values.tool === undefined || tool === values.tool);
  if (values.help || wanted.length === 0) {
    process.stdout.write(HELP);
    return values.help ? 0 : 2;
  }
  const tools = wanted.filter((tool) => tool !== 'valgrind' || hasValgrind());
  if (tools.length < wanted.length) console.log('memcheck: valgrind is not on this machine');
  if (process.getuid?.() !== 0 || tools.length === 0) {
    process.stderr.write(tools.length === 0 ? 'nothing left to do\n' : 'needs root\n');
    return 2;
  }
  let failed = false;
  try {
    mkdirSync(WORK, { recursive: true });
    buildActs(join(ROOT, 'test/kernel/acts'), join(WORK, 'acts'));
    for (const tool of tools) {
      const { exitCode, errors } = await (tool === 'asan' ? asan() : valgrind());
      for (const { what, stack } of errors) console.log([what, ...stack].join('\n    '));
      const isGood = exitCode === 0 && errors.length === 0;
      console.log(
        `memcheck: ${tool} ${isGood ? 'clean' : `exit ${exitCode}, ${errors.length} errors`}`,
      );
      failed ||= !isGood;
    }
  } finally {
    if (!values.keep) rmSync(WORK, { recursive: true });
  }
  return failed ? 1 : 0;
}

function hasValgrind(): boolean {
  return spawnSync('valgrind', ['--version']).status === 0;
}

/** The build, with an instrumented addon. */
async function asan(): Promise<Finding> {
  const flags = ASAN_FLAGS.join(' ');
  const built = join(WORK, 'native/bulkhead.node');
  execFileSync(
    'make',
    [
      ...['-s', '-j2', '-C', join(ROOT, 'node-agent/native'), `BUILD=${join(WORK, 'native')}`],
      `CXXFLAGS=${flags}`,
      'LDFLAGS=-shared -Wl,--exclude-libs,ALL -Wl,--wrap=stderr -fsanitize=address,undefined',
      built,
    ],
    { stdio: 'inherit' },
  );
  const tree = copyOfBuild('asan', built);
  // The C++ library beside the sanitizers': else its exceptions are thrown past them.
  const libraries = ['libasan.so', 'libubsan.so', 'libstdc++.so'].map((name) =>
    execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim(),
  );
  const exitCode = await run(process.execPath, [scriptOf(tree), join(WORK, 'acts'), 'all'], {
    LD_PRELOAD: libraries.join(':'),
    // Node leaves at its end what it has; V8 has handlers of its own. What leaks, valgrind tells.
    ASAN_OPTIONS: 'detect_leaks=0:handle_segv=0',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  });
  return { exitCode, errors: [] };
}

async function valgrind(): Promise<Finding> {
  const tree = copyOfBuild('valgrind', join(ROOT, 'dist/node-agent/native/build/bulkhead.node'));
  const xml = join(WORK, 'valgrind.xml');
  const exitCode = await run(
    'valgrind',
    [
      ...['--quiet', '--xml=yes', `--xml-file=${xml}`, '--num-callers=40'],
      ...['--leak-check=full', '--show-leak-kinds=definite', process.execPath, '--jitless'],
      ...[scriptOf(tree), join(WORK, 'acts'), VALGRIND_CASES],
    ],
    { UV_USE_IO_URING: '0' },
  );
  return { exitCode, errors: errorsOf(readFileSync(xml, 'utf8'), 'bulkhead.node') };
}

function copyOfBuild(name: string, addon: string): string {
  const tree = join(WORK, name);
  rmSync(tree, { recursive: true, force: true });
  cpSync(join(ROOT, 'dist'), tree, { recursive: true });
  cpSync(addon, join(tree, 'node-agent/native/build/bulkhead.node'));
  return tree;
}

const scriptOf = (tree: string) => join(tree, 'test/memory/script.js');

function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
    child.on('error', reject);
    child.on('close', resolve);
  });
}

process.exitCode = await main();
