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
  constructor(
    private readonly worker: URL = WORKER,
    private readonly limitMs: number = LIMIT_MS,
  ) {}

  /** @throws BulkheadError RESOURCE_EXHAUSTED where it takes too long, or too many are at it */
  async compare(job: ComparisonJob): Promise<PolicyComparison> {
    if (this.#running >= RUNNING_MAX) {
      throw new BulkheadError('RESOURCE_EXHAUSTED', 'the server is comparing other policies');
    }
    this.#running += 1;
    const late = AbortSignal.timeout(this.limitMs);
    const worker = new Worker(this.worker, {
      workerData: job,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
    });
    try {
      const result = await messageOf(worker, late);
      if (result === 'too large') throw tooMuch();
      return result.comparison;
    } catch (error) {
      throw late.aborted || isOutOfMemory(error) ? tooMuch() : error;
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

function isOutOfMemory(error: unknown): boolean {
  const hasCode = typeof error === 'object' && error !== null && 'code' in error;
  return hasCode && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}

function tooMuch(): BulkheadError {
  return new BulkheadError('RESOURCE_EXHAUSTED', 'the policies are too large to be compared here');
}
