import { crc32 } from 'node:zlib';

/** alert: a batch of the ring that telemetry never fills. */
export type BatchKind = 'alert' | 'telemetry';

/** How far a kernel ring was read when a batch was made of it. */
export interface RingPosition {
  /** alerts, telemetry ... at most 16 bytes */
  readonly name: string;
  /** Made at random with the ring: positions of another ring mean nothing. */
  readonly instance: bigint;
  readonly position: bigint;
}

/** A batch as it is kept and sent. (bootId, sequence) names it. */
export interface SpooledBatch {
  /** UUID of the agent process that made it. */
  readonly bootId: string;
  readonly sequence: bigint;
  readonly kind: BatchKind;
  readonly eventCount: number;
  readonly createdUnixMs: number;
  readonly ring: RingPosition;
  /** An encoded bulkhead.v1.EventBatch. */
  readonly payload: Buffer;
}

/*
 * A record on disk, little endian: magic u32, crc32 u32 (of all behind it), payload length u32,
 * event count u32, kind u8, 7 bytes zero, boot id 16, sequence u64, created u64, ring instance u64,
 * ring position u64, ring name 16, payload.
 */
export const RECORD_HEADER_BYTES = 88;
const MAGIC = 0x3153_4842; // "BHS1"
const CRC_START = 8;
const RING_NAME = { offset: 72, bytes: 16 };
const KIND_NUMBERS = { alert: 1, telemetry: 2 } as const satisfies Record<BatchKind, number>;

export function encodeRecord(batch: SpooledBatch): Buffer {
  const record = Buffer.alloc(RECORD_HEADER_BYTES + batch.payload.length);
  record.writeUInt32LE(MAGIC, 0);
  record.writeUInt32LE(batch.payload.length, 8);
  record.writeUInt32LE(batch.eventCount, 12);
  record.writeUInt8(KIND_NUMBERS[batch.kind], 16);
  Buffer.from(batch.bootId.replaceAll('-', ''), 'hex').copy(record, 24, 0, 16);
  record.writeBigUInt64LE(batch.sequence, 40);
  record.writeBigUInt64LE(BigInt(batch.createdUnixMs), 48);
  record.writeBigUInt64LE(batch.ring.instance, 56);
  record.writeBigUInt64LE(batch.ring.position, 64);
  record.write(batch.ring.name, RING_NAME.offset, RING_NAME.bytes, 'latin1');
  batch.payload.copy(record, RECORD_HEADER_BYTES);
  record.writeUInt32LE(crc32(record.subarray(CRC_START)) >>> 0, 4);
  return record;
}

/** The record that starts at `offset`; undefined where it is torn, damaged or not a record. */
export function decodeRecord(
  bytes: Buffer,
  offset: number,
): { readonly batch: SpooledBatch; readonly recordBytes: number } | undefined {
  if (bytes.length - offset < RECORD_HEADER_BYTES) return undefined;
  if (bytes.readUInt32LE(offset) !== MAGIC) return undefined;
  const recordBytes = RECORD_HEADER_BYTES + bytes.readUInt32LE(offset + 8);
  if (bytes.length - offset < recordBytes) return undefined;
  const record = bytes.subarray(offset, offset + recordBytes);
  if (crc32(record.subarray(CRC_START)) >>> 0 !== record.readUInt32LE(4)) return undefined;
  const kind = record.readUInt8(16) === KIND_NUMBERS.alert ? 'alert' : 'telemetry';
  const name = record.subarray(RING_NAME.offset, RING_NAME.offset + RING_NAME.bytes);
  return {
    recordBytes,
    batch: {
      bootId: uuidFromBytes(record.subarray(24, 40)),
      sequence: record.readBigUInt64LE(40),
      kind,
      eventCount: record.readUInt32LE(12),
      createdUnixMs: Number(record.readBigUInt64LE(48)),
      ring: {
        name: name.toString('latin1').replace(/\0+$/, ''),
        instance: record.readBigUInt64LE(56),
        position: record.readBigUInt64LE(64),
      },
      payload: record.subarray(RECORD_HEADER_BYTES),
    },
  };
}

/** The whole record's length, read from its header. */
export function recordBytesFromHeader(header: Buffer): number {
  return RECORD_HEADER_BYTES + header.readUInt32LE(8);
}

function uuidFromBytes(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
