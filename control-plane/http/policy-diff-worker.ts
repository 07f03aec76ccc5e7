import { parentPort, workerData } from 'node:worker_threads';
import { AutomatonTooLarge } from '../../proto/ts/policy/automaton/build.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { comparePolicies } from '../domain/policy-diff.js';
import type { ComparisonJob, ComparisonResult } from './policy-comparer.js';

/* The thread of one comparison: what it is given, and what it says, stand in policy-comparer.ts. */

const job: ComparisonJob = workerData;
parentPort?.postMessage(resultOf(job));

function resultOf({ name, before, after }: ComparisonJob): ComparisonResult {
  try {
    return { comparison: comparePolicies(name, before, after) };
  } catch (error) {
    if (error instanceof AutomatonTooLarge || error instanceof BulkheadError) return 'too large';
    throw error;
  }
}
