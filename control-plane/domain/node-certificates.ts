import { randomBytes } from 'node:crypto';

/** Which of its certificates a node shows, as its serial says. */
export interface CertificatePlace {
  /** Of the join that it comes from: rises with each join under the node's name. */
  readonly join: number;
  /** Of that join the first, from 1; a renewal issues the one after that which asked for it. */
  readonly generation: number;
}

/** The newest that a node has shown since it joined, as its row has it. */
export interface ShownCertificate extends CertificatePlace {
  /** Lower-case hexadecimal; undefined with generation 0: it has shown none. */
  readonly serial: string | undefined;
  /** How long ago it was first shown; 0 where none was. */
  readonly ageMs: number;
}

export type CertificateVerdict = 'current' | 'next' | 'late' | 'cloned' | 'former';

/**
 * How long a call may be under way: those that an agent sent with its former certificate may arrive
 * after the first with the next one, over another connection. What is silent for 80 s is ended.
 */
const LATE_MS = 120_000;

const FORM = 0x20;
const SERIAL_BYTES = 20;
const GENERATION_MAX = 0x7fff_ffff;

/**
 * A serial that says its place: 1 byte of form, 3 of the join, 4 of the generation, 12 random ones.
 * Positive, without leading zeros, 20 bytes (RFC 5280, 4.1.2.2).
 */
export function newNodeSerial({ join, generation }: CertificatePlace): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes.writeUInt8(FORM, 0);
  bytes.writeUIntBE(join, 1, 3);
  bytes.writeUInt32BE(Math.min(generation, GENERATION_MAX), 4);
  return bytes.toString('hex');
}

/** undefined: one that an earlier version issued, whose serials said nothing; none lives for more than a day. */
export function placeOfSerial(serial: string): CertificatePlace | undefined {
  const bytes = Buffer.from(serial, 'hex');
  if (bytes.byteLength !== SERIAL_BYTES || bytes.readUInt8(0) !== FORM) return undefined;
  return { join: bytes.readUIntBE(1, 3), generation: bytes.readUInt32BE(4) };
}

/**
 * Nothing is written when a certificate is issued: its place follows from the one that asked for it.
 * The first call with a certificate makes it the current one.
 *
 * | join | generation | serial | verdict | what comes of it |
 * |---|---|---|---|---|
 * | as shown | as shown | as shown | current | admitted |
 * | as shown | later | any | next | admitted; it is what was shown from now on |
 * | later | any | any | next | the same: the database was set back to an earlier state |
 * | as shown | the one before, shown in the last two minutes | any | late | refused, no more: still under way when the next one overtook it |
 * | as shown | as shown | another | cloned | two have renewed the same certificate: quarantine |
 * | as shown | earlier | any | cloned | one has renewed it, another uses it still: quarantine |
 * | earlier | any | any | former | refused: the node has joined again since |
 *
 * An honest agent is never taken for a clone. It never calls with a certificate once it has called with
 * a later one: it stores what it got, durably, before it uses it. Where the answer to a renewal is lost
 * it asks again with the same certificate and gets another of the same generation; of these it uses one
 * only, the last that it stored, in whatever order the calls arrive. A machine that is set back to an
 * earlier state of its disk is a clone of itself.
 *
 * Two that hold one key are found by the first call of the slower one after a renewal of the other
 * was used, a call in the two minutes after that being refused only. Until one renews, they are one.
 */
export function judgeCertificate(
  serial: string,
  place: CertificatePlace,
  shown: ShownCertificate,
): CertificateVerdict {
  if (place.join !== shown.join) return place.join > shown.join ? 'next' : 'former';
  if (place.generation > shown.generation) return 'next';
  if (place.generation === shown.generation) return serial === shown.serial ? 'current' : 'cloned';
  const isPrevious = place.generation === shown.generation - 1;
  return isPrevious && shown.ageMs < LATE_MS ? 'late' : 'cloned';
}
