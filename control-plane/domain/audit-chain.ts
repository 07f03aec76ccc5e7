import { type AuditHead, type AuditRecord, chainHash } from './audit.js';

/**
 * gap: the record of that sequence is missing; order: it comes again or too late; previous-hash: it
 * does not follow the one before it; hash: it is not what was written; head: the chain ends elsewhere
 * than its head says, which names the first record missing or too many.
 */
export type ChainFault = 'gap' | 'order' | 'previous-hash' | 'hash' | 'head';

export type ChainVerdict =
  | { readonly ok: true; readonly count: number; readonly head: AuditHead }
  | { readonly ok: false; readonly sequence: bigint; readonly reason: ChainFault };

/**
 * Whether the records, in rising order, lead from `start` to `head` without a break; the first break
 * where not. `start` is AUDIT_GENESIS, or a head that was noted before: then that is held too.
 */
export async function verifyChain(
  records: Iterable<AuditRecord> | AsyncIterable<AuditRecord>,
  start: AuditHead,
  head: AuditHead,
): Promise<ChainVerdict> {
  if (start.sequence > head.sequence) return fault(head.sequence + 1n, 'head');
  let count = 0;
  let last = start;
  for await (const record of records) {
    const broken = breakAt(record, last, head);
    if (broken) return broken;
    last = { sequence: record.sequence, hash: record.hash };
    count += 1;
  }
  if (last.sequence < head.sequence) return fault(last.sequence + 1n, 'head');
  if (!isSame(last.hash, head.hash)) return fault(head.sequence, 'head');
  return { ok: true, count, head: last };
}

function breakAt(record: AuditRecord, last: AuditHead, head: AuditHead): ChainVerdict | undefined {
  const expected = last.sequence + 1n;
  if (record.sequence < expected) return fault(record.sequence, 'order');
  if (record.sequence > head.sequence) {
    return last.sequence < head.sequence ? fault(expected, 'gap') : fault(record.sequence, 'head');
  }
  if (record.sequence > expected) return fault(expected, 'gap');
  if (!isSame(record.previousHash, last.hash)) return fault(expected, 'previous-hash');
  if (!isSame(record.hash, chainHash(last.hash, record))) return fault(expected, 'hash');
  return undefined;
}

function fault(sequence: bigint, reason: ChainFault): ChainVerdict {
  return { ok: false, sequence, reason };
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
