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

  /**
   * Takes the kernel's own count of what a ring could not take.
   * @param total since its maps were made
   * @param reported how much of it a former process has reported
   */
  setKernelDropped(reason: LossReason, total: bigint, reported: bigint): void {
    if (total > reported) this.#dropped.set(reason, total - reported);
  }

  report(): LossReport {
    let emitted = this.#read;
    for (const [reason, count] of this.#dropped) {
      if (reason.startsWith('kernel_')) emitted += count;
    }
    return { emitted, acknowledged: this.#acknowledged, dropped: new Map(this.#dropped) };
  }
}
