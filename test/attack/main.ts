import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { snapshotEnvironment } from '../../control-plane/config.js';
import { ROOT } from '../support/root.js';
import { buildImage, missingTools } from './image.js';
import { LEGITIMATE_WORK } from './legitimate.js';
import { type Place, placeName } from './place.js';
import { choosePlaces, EXEC_BACKENDS, KERNEL_NAMES, runPlace } from './places.js';
import { isGood, type PlaceReport, reportJson, reportText, totalsOf } from './report.js';
import type { Result } from './suite.js';
import { TECHNIQUES } from './techniques.js';

const HELP = `npm run attack -- [--kernel ${KERNEL_NAMES.join('|')}] [--backend ${EXEC_BACKENDS.join('|')}|all]
                  [--only NAME] [--json]

Runs techniques of running what was not in the image, in real containers, without a policy (they must
succeed) and under one that forbids it (they must not); then legitimate work, which must not be
touched. Exit code 1 where something was missed, falsely blocked, or is broken.

  --kernel   host, or a kernel that is booted under QEMU; every one by default
  --backend  all (the default): those that the kernel can show as its best
  --only     one technique, or one piece of legitimate work
  --json     one JSON document instead of tables

Techniques:
${TECHNIQUES.map(({ name, about }) => `  ${name.padEnd(20)}${about}\n`).join('')}
Legitimate work:
${LEGITIMATE_WORK.map(({ name, about }) => `  ${name.padEnd(20)}${about}\n`).join('')}`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      kernel: { type: 'string' },
      backend: { type: 'string', default: 'all' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { kernel, only } = values;
  const backend = EXEC_BACKENDS.find((one) => one === values.backend);
  const isKnown =
    (kernel === undefined || KERNEL_NAMES.includes(kernel)) &&
    (backend !== undefined || values.backend === 'all') &&
    (only === undefined || [...TECHNIQUES, ...LEGITIMATE_WORK].some(({ name }) => name === only));
  if (values.help || !isKnown) {
    process.stdout.write(HELP);
    return values.help ? 0 : 2;
  }
  const { places, lacking } = choosePlaces(kernel, backend);
  for (const line of lacking) say(`left out: ${line}`);
  const missing = process.getuid?.() === 0 ? missingTools() : ['root'];
  if (missing.length > 0 || places.length === 0) {
    say(`needs ${missing.join(', ') || 'a kernel with that backend'}`);
    return 2;
  }
  const reports = await runPlaces(places, only);
  process.stdout.write(values.json ? reportJson(reports) : reportText(reports));
  return isGood(totalsOf(reports)) ? 0 : 1;
}

async function runPlaces(places: readonly Place[], only: string | undefined) {
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => interrupted.abort(new Error(`stopped by ${name}`)));
  }
  const { signal } = interrupted;
  // Not below /run, which is the guest's own.
  const work = join(ROOT, '.bulkhead', `attack-${process.pid}`);
  const image = join(work, 'image');
  const reports: PlaceReport[] = [];
  mkdirSync(work, { recursive: true });
  try {
    await buildImage(join(ROOT, 'test/attack/programs'), image);
    for (const place of places) {
      if (signal.aborted) break;
      const results: Result[] = [];
      const onResult = (result: Result) => {
        results.push(result);
        say(`${placeName(place)}: ${result.name} ${result.outcome}`);
      };
      const failure = await runPlace(place, { image, work, only, onResult, signal }).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      );
      reports.push({ place, results, failure });
    }
  } finally {
    rmSync(work, { recursive: true });
  }
  return reports;
}

/** Progress: the report has standard output for itself. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

// As the product's programs do before they read a policy.
snapshotEnvironment();
process.exitCode = await main();
