import { type FileHandle, open, readFile, unlink } from 'node:fs/promises';
import {
  decodeRecord,
  RECORD_HEADER_BYTES,
  recordBytesFromHeader,
  type SpooledBatch,
} from './batch-record.js';

/** Where a record lies, and what is needed to give it up without reading it again. */
export interface RecordPlace {
  readonly segment: Segment;
  readonly offset: number;
  readonly recordBytes: number;
  readonly eventCount: number;
}

/** What a segment's file held when it was opened again. */
export interface ScannedSegment {
  readonly segment: Segment;
  readonly batches: readonly SpooledBatch[];
  /** Bytes behind the last whole record: a torn write, or damage. They are cut off. */
  readonly cutBytes: number;
}

/**
 * One append-only file of records. Reads and gives up are counted here; what to do about it is the
 * spool's business.
 */
export class Segment {
  readonly path: string;
  /** Durable bytes: what may be read and sent. */
  durableBytes = 0;
  /** Events in records that were neither delivered nor given up. */
  openEvents = 0;
  openRecords = 0;
  #file: FileHandle;
  #closed = false;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  static async create(path: string): Promise<Segment> {
    return new Segment(path, await open(path, 'wx+', 0o600));
  }

  /** Reads a file that a former process left and cuts a torn tail off. */
  static async reopen(path: string): Promise<ScannedSegment> {
    const bytes = await readFile(path);
    const segment = new Segment(path, await open(path, 'r+'));
    const batches: SpooledBatch[] = [];
    for (;;) {
      const record = decodeRecord(bytes, segment.durableBytes);
      if (record === undefined) break;
      batches.push(record.batch);
      segment.addDurable(record.recordBytes, record.batch.eventCount);
    }
    const cutBytes = bytes.length - segment.durableBytes;
    if (cutBytes > 0) {
      await segment.#file.truncate(segment.durableBytes);
      await segment.#file.sync();
    }
    return { segment, batches, cutBytes };
  }

  /** Writes behind the durable end and syncs. Where that fails, nothing of it stays. */
  async write(records: readonly Buffer[]): Promise<void> {
    try {
      let position = this.durableBytes;
      for (const record of records) {
        await this.#writeFully(record, position);
        position += record.length;
      }
      await this.#file.datasync();
    } catch (error) {
      await this.#file.truncate(this.durableBytes).catch(() => undefined);
      throw error;
    }
  }

  addDurable(recordBytes: number, eventCount: number): void {
    this.durableBytes += recordBytes;
    this.openEvents += eventCount;
    this.openRecords += 1;
  }

  /** A record was delivered or given up. */
  settle(eventCount: number): void {
    this.openEvents -= eventCount;
    this.openRecords -= 1;
  }

  /** undefined: there is no record, or it was damaged on disk since it was written. */
  async read(offset: number): Promise<{ batch: SpooledBatch; place: RecordPlace } | undefined> {
    const header = Buffer.alloc(RECORD_HEADER_BYTES);
    if ((await this.#readFully(header, offset)) < RECORD_HEADER_BYTES) return undefined;
    const recordBytes = recordBytesFromHeader(header);
    if (offset + recordBytes > this.durableBytes) return undefined;
    const record = Buffer.alloc(recordBytes);
    await this.#readFully(record, offset);
    const decoded = decodeRecord(record, 0);
    if (decoded === undefined) return undefined;
    const { eventCount } = decoded.batch;
    return { batch: decoded.batch, place: { segment: this, offset, recordBytes, eventCount } };
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#file.close();
  }

  async remove(): Promise<void> {
    await this.close();
    await unlink(this.path);
  }

  async #writeFully(bytes: Buffer, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(
        bytes,
        done,
        bytes.length - done,
        position + done,
      );
      done += bytesWritten;
    }
  }

  async #readFully(into: Buffer, position: number): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await this.#file.read(into, done, into.length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }
}
