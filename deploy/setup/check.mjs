// `npm run check`: types, lint and form of TypeScript and JavaScript, form of C and C++.
// `--format-c` writes the form of C and C++ instead (the rest of `npm run format` is Biome's).
import { build } from './build.mjs';
import { filesBelow } from './lib/inputs.mjs';
import { ROOT } from './lib/paths.mjs';
import { commandExists, duration, printError, run } from './lib/run.mjs';

/** C and C++ that is written by hand; vmlinux.h mirrors the kernel's own form. */
const cFiles = () =>
  ['bpf', 'node-agent/native', 'test']
    .flatMap((folder) => filesBelow(`${ROOT}/${folder}`, (file) => /\.(c|h|cc)$/.test(file)))
    .filter((file) => !file.endsWith('/vmlinux.h'))
    .map((file) => file.slice(ROOT.length + 1));

const CHECKS = [
  { name: 'types', run: () => run('node_modules/.bin/tsc', ['-b']) },
  { name: 'lint and form', run: () => run('node_modules/.bin/biome', ['check', '.']) },
  {
    name: 'form of C and C++',
    lacks: () => (commandExists('clang-format') ? undefined : 'clang-format'),
    run: () => clangFormat(['--dry-run', '-Werror']),
  },
];

async function clangFormat(options) {
  const files = cFiles();
  if (files.length > 0) await run('clang-format', [...options, ...files]);
}

/** Runs every check, prints the failures and answers how many there were; in CI none may be left out. */
export async function check() {
  if (!(await build({ only: (step) => step.name === 'wire types' }))) return 1;
  let failed = 0;
  for (const { name, lacks, run: runCheck } of CHECKS) {
    const startedAt = Date.now();
    const lacking = lacks?.();
    if (lacking && process.env.CI !== 'true') {
      console.log(`  ${name}: left out, not on this machine: ${lacking}`);
      continue;
    }
    try {
      await runCheck();
      console.log(`  ${name}: good (${duration(Date.now() - startedAt)})`);
    } catch (error) {
      failed += 1;
      console.error(`  ${name}: failed (${duration(Date.now() - startedAt)})`);
      printError(error);
    }
  }
  return failed;
}

if (import.meta.filename === process.argv[1]) {
  if (process.argv.includes('--format-c')) {
    await clangFormat(['-i']).catch((error) => {
      printError(error);
      process.exitCode = 1;
    });
  } else {
    const failed = await check();
    console.log(
      failed === 0 ? 'check: good' : `check: ${failed} failed (npm run format mends form)`,
    );
    process.exitCode = failed === 0 ? 0 : 1;
  }
}
