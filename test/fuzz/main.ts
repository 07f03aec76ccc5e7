import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../support/root.js';
import { checkInput, FUZZ_TARGETS } from './checks.js';
import { type FuzzInput, fileOf, inputOfFile, sizeOf } from './input.js';
import { anySeed } from './random.js';
import { watchFuzzing } from './watch.js';

const HELP = `npm run fuzz -- [--seconds N] [--seed N] [--target parser|all]
npm run fuzz -- --input FILE

Feeds the policy language with documents that are changed at random. An input that breaks a rule is
saved below .bulkhead/fuzz, and the exit code is 1; --input checks such a file again.

  --seconds  how long, 60 by default
  --seed     of the random numbers, another one each time by default
  --target   parser: parsePolicy alone; all (the default): also canonical bytes, format, tables
`;

function main(): Promise<number> | number {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(anySeed()) },
      target: { type: 'string', default: 'all' },
      input: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const target = FUZZ_TARGETS.find((one) => one === values.target);
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
  if (values.help || !target || !(seconds > 0) || !Number.isSafeInteger(seed)) {
    process.stdout.write(HELP);
    return values.help ? 0 : 2;
  }
  if (values.input === undefined) return fuzz(seed, seconds, target);
  const input = inputOfFile(values.input, readFileSync(values.input));
  const { failures, codes, parseMs } = checkInput(input, target);
  say(`${sizeOf(input)} bytes, parsed in ${parseMs.toFixed(1)} ms: ${codes || 'accepted'}`);
  return fail(failures);
}

async function fuzz(
  seed: number,
  seconds: number,
  target: (typeof FUZZ_TARGETS)[number],
): Promise<number> {
  say(`seed ${seed}, target ${target}, ${seconds} s`);
  const { result, failures, input } = await watchFuzzing({ seed, seconds, target });
  if (result) {
    const { stats } = result;
    const rate = stats.executions / result.seconds;
    say(`${stats.executions} executions, ${rate.toFixed(0)}/s, ${stats.accepted} accepted`);
    say(`${stats.codeSets} distinct sets of ${stats.codes} problem codes`);
    say(`slowest: ${stats.slowestMs.toFixed(1)} ms, ${save('slowest', stats.slowest)}`);
  }
  if (failures.length > 0) say(`FAILED with seed ${seed}, saved in ${save('failed', input)}`);
  return fail(failures);
}

function fail(failures: readonly string[]): number {
  for (const failure of failures) say(`  ${failure}`);
  return failures.length > 0 ? 1 : 0;
}

/** Answers the path. */
function save(what: string, input: FuzzInput): string {
  const { extension, bytes } = fileOf(input);
  const name = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  const folder = join(ROOT, '.bulkhead/fuzz');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${what}-${name}.${extension}`);
  writeFileSync(path, bytes);
  return `${relative(process.cwd(), path)} (${bytes.byteLength} bytes)`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.exitCode = await main();
