import { readFileIfPresent, writeFileAtomic } from '../files.js';
import type { LossReason } from './loss-counter.js';

/** The kernel's counter behind each loss of its own. */
const COUNTERS = {
  kernel_alert_ring_full: 'alert_ring_full',
  kernel_telemetry_ring_full: 'telemetry_ring_full',
} as const satisfies Partial<Record<LossReason, string>>;

export type KernelLossReason = keyof typeof COUNTERS;
export type KernelTotals = ReadonlyMap<KernelLossReason, bigint>;

/**
 * The kernel counts since its maps were made, an agent since it was started: what a former agent has
 * reported stands in a file, so that what was lost while none ran is counted, once.
 */
export class KernelLosses {
  readonly #path: string;
  readonly #instance: bigint;
  readonly #start: KernelTotals;
  #saved: string;

  private constructor(path: string, instance: bigint, start: KernelTotals, saved: string) {
    this.#path = path;
    this.#instance = instance;
    this.#start = start;
    this.#saved = saved;
  }

  /** `instance`: of the rings; counts of other rings mean nothing for these. */
  static async load(path: string, instance: bigint): Promise<KernelLosses> {
    const text = (await readFileIfPresent(path))?.toString('utf8') ?? '';
    return new KernelLosses(path, instance, parse(text, instance), text);
  }

  /** What a former agent has reported. */
  get start(): KernelTotals {
    return this.#start;
  }

  totals(counters: Readonly<Record<string, bigint>>): KernelTotals {
    return new Map(
      Object.entries(COUNTERS).map(([reason, counter]) => [
        reason as KernelLossReason,
        counters[counter] ?? 0n,
      ]),
    );
  }

  /** Costs two syncs where something was lost since. */
  async save(totals: KernelTotals): Promise<void> {
    const counts = Object.fromEntries([...totals].map(([reason, total]) => [reason, `${total}`]));
    const text = JSON.stringify({ instance: `${this.#instance}`, ...counts });
    if (text === this.#saved) return;
    await writeFileAtomic(this.#path, text);
    this.#saved = text;
  }
}

function parse(text: string, instance: bigint): KernelTotals {
  if (text === '') return new Map();
  const values = new Map<string, unknown>(Object.entries(JSON.parse(text)));
  if (values.get('instance') !== `${instance}`) return new Map();
  return new Map(
    Object.keys(COUNTERS).map((reason) => [
      reason as KernelLossReason,
      BigInt(String(values.get(reason) ?? 0)),
    ]),
  );
}
