import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { PolicyComparison, PolicyText } from '../domain/policy-diff.js';

export interface ComparisonJob {
  /** Of the policy. */
  readonly name: string;
  readonly before: PolicyText;
  readonly after: PolicyText;
}

export type ComparisonResult = { readonly comparison: PolicyComparison } | 'too large';

const WORKER = new URL('./policy-diff-worker.js', import.meta.url);
/** Policies of common size take milliseconds; ones made for it half a minute: measured with 30 selectors. */
const LIMIT_MS = 5_000;
const HEAP_MIB = 256;
/** On one replica: each takes a processor. */
const RUNNING_MAX = 2;

/**
 * Compares policies beside the thread that serves, which must not stand still for whatever a tenant has
 * written, and only for so long.
 */
export class PolicyComparer {
  #running = 0;

  /** `worker`: the compiled policy-diff-worker.ts. */
  constructor(private readonly worker: URL = WORKER) {}

  /** @throws BulkheadError RESOURCE_EXHAUSTED where it takes too long, or too many are at it */
  async compare(job: ComparisonJob): Promise<PolicyComparison> {
    if (this.#running >= RUNNING_MAX) {
      throw new BulkheadError('RESOURCE_EXHAUSTED', 'the server is comparing other policies');
    }
    this.#running += 1;
    const worker = new Worker(this.worker, {
      workerData: job,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
    });
    try {
      const result = await messageOf(worker, AbortSignal.timeout(LIMIT_MS));
      if (result === 'too large') throw tooMuch();
      return result.comparison;
    } catch (error) {
      throw isExhaustion(error) ? tooMuch() : error;
    } finally {
      this.#running -= 1;
      await worker.terminate();
    }
  }
}

/** Its only one. @throws whatever ended the worker, AbortError */
async function messageOf(worker: Worker, signal: AbortSignal): Promise<ComparisonResult> {
  const [result]: ComparisonResult[] = await once(worker, 'message', { signal });
  if (result === undefined) throw new Error('the worker said nothing');
  return result;
}

function isExhaustion(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const isOutOfMemory = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
  return error.name === 'AbortError' || isOutOfMemory;
}

function tooMuch(): BulkheadError {
  return new BulkheadError('RESOURCE_EXHAUSTED', 'the policies are too large to be compared here');
}
