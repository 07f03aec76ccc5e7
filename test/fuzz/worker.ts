import { parentPort, workerData } from 'node:worker_threads';
import { BOMBS, TABLE_BOMBS } from './bombs.js';
import { checkInput, FUZZ_TARGETS, type FuzzTarget } from './checks.js';
import { Fuzzer, type FuzzStats } from './fuzzer.js';
import { readSeeds } from './seeds.js';
import { SharedInput } from './shared-input.js';

/** What the watching thread gives. */
export interface FuzzJob {
  readonly seed: number;
  readonly seconds: number;
  readonly target: FuzzTarget;
  readonly input: SharedArrayBuffer;
}

export interface FuzzResult {
  readonly stats: FuzzStats;
  readonly seconds: number;
  /** Of the last input, which is in the shared memory. */
  readonly failures: readonly string[];
}

export function isFuzzResult(message: unknown): message is FuzzResult {
  return typeof message === 'object' && message !== null && 'stats' in message;
}

function isFuzzJob(data: unknown): data is FuzzJob {
  if (typeof data !== 'object' || data === null) return false;
  if (!('target' in data && 'input' in data && 'seed' in data)) return false;
  return (
    FUZZ_TARGETS.some((target) => target === data.target) &&
    data.input instanceof SharedArrayBuffer &&
    typeof data.seed === 'number'
  );
}

function fuzz({ seed, seconds, target, input: memory }: FuzzJob): FuzzResult {
  const fuzzer = new Fuzzer(seed, target, readSeeds());
  const shared = new SharedInput(memory);
  const start = performance.now();
  let failures: readonly string[] = [];
  for (const { source, of } of [
    ...BOMBS.map((bomb) => ({ ...bomb, of: 'parser' as const })),
    ...TABLE_BOMBS.map((bomb) => ({ ...bomb, of: target })),
  ]) {
    if (failures.length > 0) break;
    shared.write(source);
    failures = checkInput(source, of).failures;
  }
  while (failures.length === 0 && performance.now() - start < seconds * 1000) {
    const input = fuzzer.next();
    shared.write(input);
    failures = fuzzer.run(input).failures;
  }
  return { stats: fuzzer.stats, seconds: (performance.now() - start) / 1000, failures };
}

if (parentPort && isFuzzJob(workerData)) parentPort.postMessage(fuzz(workerData));
