import { join } from 'node:path';
import { syncDirectory } from '../files.js';
import type { BatchKind, SpooledBatch } from './batch-record.js';
import type { LossCounter, LossReason } from './loss-counter.js';
import { type RecordPlace, Segment } from './segment.js';

/**
 * The segments of one kind of batches, oldest first, and how far they were handed out. A record is
 * ahead of the cursor, or in flight, or to be repeated, or settled (delivered or given up).
 */
export class SpoolLane {
  readonly kind: BatchKind;
  readonly #directory: string;
  readonly #losses: LossCounter;
  readonly #segments: Segment[];
  #nextIndex: number;
  #cursor = { segment: undefined as Segment | undefined, offset: 0 };
  readonly #inFlight = new Map<string, RecordPlace>();
  #repeat: RecordPlace[] = [];
  /** Whether the last segment still takes records. */
  #isOpen = false;

  constructor(
    kind: BatchKind,
    directory: string,
    losses: LossCounter,
    former: readonly Segment[],
    nextIndex: number,
  ) {
    this.kind = kind;
    this.#directory = directory;
    this.#losses = losses;
    this.#segments = [...former];
    this.#nextIndex = nextIndex;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.durableBytes, 0);
  }

  get openEvents(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.openEvents, 0);
  }

  /** Whether next() would find something. */
  get hasNext(): boolean {
    return this.#repeat.length > 0 || this.#advance() !== undefined;
  }

  /** The segment that `bytes` more go into: the last one, or a new one. */
  async segmentFor(bytes: number, segmentBytes: number): Promise<Segment> {
    const last = this.#segments.at(-1);
    if (last && this.#isOpen && last.durableBytes + bytes <= segmentBytes) return last;
    const name = `${this.#nextIndex.toString(16).padStart(12, '0')}.segment`;
    this.#nextIndex += 1;
    const segment = await Segment.create(join(this.#directory, name));
    await syncDirectory(this.#directory);
    this.#segments.push(segment);
    this.#isOpen = true;
    return segment;
  }

  /** No further record goes into the last segment. */
  seal(): void {
    this.#isOpen = false;
  }

  /** The next record to send, which is then in flight. */
  async next(): Promise<SpooledBatch | undefined> {
    for (;;) {
      const place = this.#repeat.shift() ?? this.#advance();
      if (place === undefined) return undefined;
      const { segment, offset } = place;
      const found = segment.isClosed
        ? undefined
        : await segment.read(offset).catch(() => undefined);
      if (found === undefined) {
        this.#giveUpFrom(place);
        continue;
      }
      if (this.#cursor.segment === segment && this.#cursor.offset === offset) {
        this.#cursor.offset += found.place.recordBytes;
      }
      this.#inFlight.set(nameOf(found.batch), found.place);
      return found.batch;
    }
  }

  /** Whether the batch was in flight here. */
  settle(batch: Pick<SpooledBatch, 'bootId' | 'sequence'>, rejected: boolean): boolean {
    const place = this.#inFlight.get(nameOf(batch));
    if (place === undefined) return false;
    this.#inFlight.delete(nameOf(batch));
    place.segment.settle(place.eventCount);
    if (rejected) this.#losses.addDropped('batch_rejected', place.eventCount);
    else this.#losses.addAcknowledged(place.eventCount);
    return true;
  }

  /** The stream broke: what was in flight is sent again, before all else. */
  repeatInFlight(): void {
    for (const place of this.#inFlight.values()) {
      if (place.segment.isClosed) this.#losses.addDropped('spool_full', place.eventCount);
      else this.#repeat.push(place);
    }
    this.#inFlight.clear();
  }

  /** Segments that take no more records and whose records are all settled. */
  settledSegments(): Segment[] {
    return this.#segments.filter(
      (segment) =>
        segment.openRecords === 0 && !(this.#isOpen && segment === this.#segments.at(-1)),
    );
  }

  /** Whether the segment that takes records holds some, all of them settled. */
  get isDrained(): boolean {
    const last = this.#segments.at(-1);
    return last !== undefined && this.#isOpen && last.durableBytes > 0 && last.openRecords === 0;
  }

  oldestSegment(): Segment | undefined {
    return this.#segments[0];
  }

  /** Deletes a segment; what was neither settled nor is in flight is lost for `reason`. */
  async removeSegment(segment: Segment, reason: LossReason): Promise<void> {
    const at = this.#segments.indexOf(segment);
    if (at === -1) return;
    if (at === this.#segments.length - 1) this.#isOpen = false;
    if (this.#cursor.segment === segment)
      this.#cursor = { segment: this.#segments[at + 1], offset: 0 };
    this.#segments.splice(at, 1);
    this.#repeat = this.#repeat.filter((place) => place.segment !== segment);
    this.#losses.addDropped(reason, segment.openEvents - this.#eventsInFlight(segment));
    await segment.remove();
  }

  async close(): Promise<void> {
    for (const segment of this.#segments) await segment.close();
  }

  /** Where the cursor's next record starts. */
  #advance(): Pick<RecordPlace, 'segment' | 'offset'> | undefined {
    const { segment, offset } = this.#cursor;
    const current = segment ?? this.#segments[0];
    if (current === undefined) return undefined;
    const next = this.#segments[this.#segments.indexOf(current) + 1];
    if (segment === undefined || (offset >= current.durableBytes && next)) {
      this.#cursor = { segment: segment === undefined ? current : next, offset: 0 };
      return this.#advance();
    }
    return offset < current.durableBytes ? { segment: current, offset } : undefined;
  }

  /** A record cannot be read: nothing behind it in its segment can be trusted to be found. */
  #giveUpFrom({ segment }: Pick<RecordPlace, 'segment'>): void {
    if (segment.isClosed) return;
    if (this.#cursor.segment === segment) this.#cursor.offset = segment.durableBytes;
    this.#repeat = this.#repeat.filter((place) => place.segment !== segment);
    const inFlight = [...this.#inFlight.values()].filter((place) => place.segment === segment);
    const lost = segment.openEvents - this.#eventsInFlight(segment);
    this.#losses.addDropped('spool_corrupt', lost);
    segment.openEvents -= lost;
    segment.openRecords = inFlight.length;
  }

  #eventsInFlight(segment: Segment): number {
    let events = 0;
    for (const place of this.#inFlight.values()) {
      if (place.segment === segment) events += place.eventCount;
    }
    return events;
  }
}

function nameOf(batch: Pick<SpooledBatch, 'bootId' | 'sequence'>): string {
  return `${batch.bootId}/${batch.sequence}`;
}
