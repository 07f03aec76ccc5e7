/** Why a record that the kernel made, or should have made, did not reach the control plane. */
export type LossReason =
  | 'kernel_alert_ring_full'
  | 'kernel_telemetry_ring_full'
  | 'spool_full'
  | 'spool_write_failed'
  | 'spool_corrupt'
  | 'batch_rejected';

export interface LossReport {
  readonly emitted: bigint;
  readonly acknowledged: bigint;
  readonly dropped: ReadonlyMap<string, bigint>;
}

/**
 * Counts records from the start of this process: emitted = acknowledged + dropped + those that are
 * in the spool. Emitted are those that came out of a ring, those found in the spool at start and
 * those that a full ring could not take.
 */
export class LossCounter {
  #read = 0n;
  #acknowledged = 0n;
  readonly #dropped = new Map<string, bigint>();
  readonly #kernelStart: ReadonlyMap<string, bigint>;

  /** `kernelStart`: the kernel's counts that a former process has reported already. */
  constructor(kernelStart: ReadonlyMap<string, bigint> = new Map()) {
    this.#kernelStart = kernelStart;
  }

  addRead(events: number): void {
    this.#read += BigInt(events);
  }

  addAcknowledged(events: number): void {
    this.#acknowledged += BigInt(events);
  }

  addDropped(reason: LossReason, events: number): void {
    if (events === 0) return;
    this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0n) + BigInt(events));
  }

  /** Takes the kernel's own count, since its maps were made, of what a ring could not take. */
  setKernelDropped(reason: LossReason, total: bigint): void {
    const dropped = total - (this.#kernelStart.get(reason) ?? 0n);
    if (dropped > 0n) this.#dropped.set(reason, dropped);
  }

  report(): LossReport {
    let emitted = this.#read;
    for (const [reason, count] of this.#dropped) {
      if (reason.startsWith('kernel_')) emitted += count;
    }
    return { emitted, acknowledged: this.#acknowledged, dropped: new Map(this.#dropped) };
  }
}
