import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { isErrno } from '../files.js';
import { type BatchKind, encodeRecord, type SpooledBatch } from './batch-record.js';
import type { LossCounter } from './loss-counter.js';
import { RingPositions } from './ring-positions.js';
import { Segment } from './segment.js';
import { SpoolLane } from './spool-lane.js';

/** A batch as it comes from the addon; the spool gives it its name. */
export type NewBatch = Omit<SpooledBatch, 'bootId' | 'sequence'>;

export interface SpoolOptions {
  /** Made where it is absent. For one process at a time. */
  readonly directory: string;
  readonly maxBytes: number;
  /** UUID of this process. */
  readonly bootId: string;
  readonly losses: LossCounter;
  readonly log: Logger;
  readonly segmentBytes?: number;
}

interface PendingAppend {
  readonly batch: SpooledBatch;
  readonly record: Buffer;
  readonly resolve: () => void;
}

const SEGMENT_BYTES = 4 * 1024 * 1024;
const SEGMENT_NAME = /^([0-9a-f]{12})\.segment$/;
/** Alerts are sent first and given up last. */
const LANE_ORDER = ['alert', 'telemetry'] as const satisfies readonly BatchKind[];

/**
 * Batches on disk between the kernel's rings and the control plane: bounded, in order per kind,
 * kept over a crash at any byte. README.md has the protocol.
 */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #lanes: Readonly<Record<BatchKind, SpoolLane>>;
  readonly #positions: RingPositions;
  readonly #segmentBytes: number;
  #pending: PendingAppend[] = [];
  #writing: Promise<void> | undefined;
  #nextSequence = 1n;
  #wake: (() => void) | undefined;

  private constructor(
    options: SpoolOptions,
    lanes: Readonly<Record<BatchKind, SpoolLane>>,
    positions: RingPositions,
  ) {
    this.#options = options;
    this.#lanes = lanes;
    this.#positions = positions;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
  }

  /** Takes over what a former process left, without what a crash tore. */
  static async open(options: SpoolOptions): Promise<Spool> {
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    const positions = await RingPositions.load(join(options.directory, 'positions.json'));
    const openLane = async (kind: BatchKind): Promise<SpoolLane> => {
      const directory = join(options.directory, kind);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const indexes = (await readdir(directory))
        .flatMap((name) => SEGMENT_NAME.exec(name)?.[1] ?? [])
        .sort();
      const segments: Segment[] = [];
      for (const index of indexes) {
        const path = join(directory, `${index}.segment`);
        const { segment, batches, cutBytes } = await Segment.reopen(path);
        for (const batch of batches) positions.add(batch.ring);
        if (cutBytes > 0) options.log.warn({ path, cutBytes }, 'cut a torn end off the spool');
        options.losses.addRead(segment.openEvents);
        segments.push(segment);
      }
      const nextIndex = Number.parseInt(indexes.at(-1) ?? '0', 16) + 1;
      return new SpoolLane(kind, directory, options.losses, segments, nextIndex);
    };
    const lanes = { alert: await openLane('alert'), telemetry: await openLane('telemetry') };
    return new Spool(options, lanes, positions);
  }

  /** Up to where the rings that were last in use were spooled. */
  get ringPositions(): Pick<RingPositions, 'instance' | 'of'> {
    return this.#positions;
  }

  /** To be told before the first batch of these rings comes. */
  async useRings(instance: bigint): Promise<void> {
    await this.#positions.use(instance);
  }

  /** Events that wait for their delivery. */
  get openEvents(): number {
    return LANE_ORDER.reduce((sum, kind) => sum + this.#lanes[kind].openEvents, 0);
  }

  /**
   * Resolves once the batch is durable, or given up and counted: either way its ring may go on.
   * Batches that come during a sync share the next one.
   */
  append(batch: NewBatch): Promise<void> {
    const named = { ...batch, bootId: this.#options.bootId, sequence: this.#nextSequence };
    this.#nextSequence += 1n;
    this.#options.losses.addRead(batch.eventCount);
    return new Promise((resolve) => {
      this.#pending.push({ batch: named, record: encodeRecord(named), resolve });
      this.#writing ??= this.#writePending();
    });
  }

  /** The next batch to send, in flight from now on. undefined: there is none at the moment. */
  async next(): Promise<SpooledBatch | undefined> {
    for (const kind of LANE_ORDER) {
      const batch = await this.#lanes[kind].next();
      if (batch) return batch;
    }
    return undefined;
  }

  /** Resolves when next() may find something, or when the signal aborts. One waiter at a time. */
  async waitForNext(signal: AbortSignal): Promise<void> {
    if (signal.aborted || LANE_ORDER.some((kind) => this.#lanes[kind].hasNext)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      signal.addEventListener('abort', done);
      this.#wake = done;
    });
  }

  /** The control plane has it, or will never take it. An unknown name is passed over. */
  async settle(
    name: Pick<SpooledBatch, 'bootId' | 'sequence'>,
    outcome: 'acknowledged' | 'rejected',
  ): Promise<void> {
    const lane = LANE_ORDER.map((kind) => this.#lanes[kind]).find((candidate) =>
      candidate.settle(name, outcome === 'rejected'),
    );
    if (lane) await this.#removeSettled(lane);
  }

  /** What is in flight will be handed out again: the stream broke. */
  repeatInFlight(): void {
    for (const kind of LANE_ORDER) this.#lanes[kind].repeatInFlight();
    this.#wake?.();
  }

  /**
   * Deletes delivered batches whose segment is not full yet, so that a crash does not repeat them
   * much later. For a timer: it costs two syncs where there is something to delete.
   */
  async tidy(): Promise<void> {
    await this.#writing;
    for (const kind of LANE_ORDER) {
      const lane = this.#lanes[kind];
      if (lane.isDrained) lane.seal();
      await this.#removeSettled(lane);
    }
  }

  /** Writes what is pending and lets go of the files. */
  async close(): Promise<void> {
    await this.tidy();
    for (const kind of LANE_ORDER) await this.#lanes[kind].close();
  }

  async #writePending(): Promise<void> {
    // Lets a burst that is delivered in one turn of the event loop share the first sync.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const group = this.#pending;
      this.#pending = [];
      for (const kind of LANE_ORDER) {
        const appends = group.filter(({ batch }) => batch.kind === kind);
        while (appends.length > 0) await this.#writeSome(this.#lanes[kind], appends);
      }
      this.#wake?.();
    }
    this.#writing = undefined;
  }

  /** Writes as many of the appends as go into one segment, and takes them off the list. */
  async #writeSome(lane: SpoolLane, appends: PendingAppend[]): Promise<void> {
    const { losses, log } = this.#options;
    const firstBytes = appends[0]?.record.length ?? 0;
    let some: PendingAppend[] = appends.slice(0, 1);
    try {
      if (!(await this.#makeRoom(lane.kind, firstBytes))) {
        const [lost] = appends.splice(0, 1);
        losses.addDropped('spool_full', lost?.batch.eventCount ?? 0);
        lost?.resolve();
        return;
      }
      const segment = await lane.segmentFor(firstBytes, this.#segmentBytes);
      const room = Math.min(this.#segmentBytes - segment.durableBytes, this.#roomBytes());
      some = takeWhileFits(appends, Math.max(room, firstBytes));
      await segment.write(some.map(({ record }) => record));
      for (const { batch, record } of some) {
        segment.addDurable(record.length, batch.eventCount);
        this.#positions.add(batch.ring);
      }
    } catch (error) {
      if (isErrno(error, 'ENOSPC') && (await this.#giveUpOldest(lane.kind))) return;
      log.error({ err: error }, 'the spool cannot be written');
      for (const { batch } of some) losses.addDropped('spool_write_failed', batch.eventCount);
    }
    appends.splice(0, some.length);
    for (const { resolve } of some) resolve();
  }

  #roomBytes(): number {
    const used = LANE_ORDER.reduce((sum, kind) => sum + this.#lanes[kind].bytes, 0);
    return this.#options.maxBytes - used;
  }

  /** Gives up telemetry, oldest first, then, for an alert, older alerts. */
  async #makeRoom(kind: BatchKind, bytes: number): Promise<boolean> {
    while (this.#roomBytes() < bytes) {
      if (!(await this.#giveUpOldest(kind))) return false;
    }
    return true;
  }

  /** Whether there was a segment to give up for a batch of this kind. */
  async #giveUpOldest(kind: BatchKind): Promise<boolean> {
    const { alert, telemetry } = this.#lanes;
    const lane = telemetry.oldestSegment() || kind !== 'alert' ? telemetry : alert;
    const oldest = lane.oldestSegment();
    if (oldest === undefined) return false;
    // Without room the file cannot be saved: better a repeat after a crash than a spool that stands still.
    await this.#positions.save().catch((error: unknown) => {
      this.#options.log.error({ err: error }, 'the ring positions cannot be written');
    });
    await lane.removeSegment(oldest, 'spool_full').catch((error: unknown) => {
      this.#options.log.error({ err: error }, 'a segment of the spool cannot be deleted');
    });
    return true;
  }

  async #removeSettled(lane: SpoolLane): Promise<void> {
    const settled = lane.settledSegments();
    if (settled.length === 0) return;
    await this.#positions.save();
    for (const segment of settled) await lane.removeSegment(segment, 'spool_full');
  }
}

function takeWhileFits(appends: readonly PendingAppend[], room: number): PendingAppend[] {
  let bytes = 0;
  const end = appends.findIndex(({ record }) => {
    bytes += record.length;
    return bytes > room;
  });
  return end === -1 ? [...appends] : appends.slice(0, end);
}
