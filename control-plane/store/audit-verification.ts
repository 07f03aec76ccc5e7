import { AUDIT_GENESIS, type AuditHead, type AuditRecord } from '../domain/audit.js';
import { type ChainVerdict, verifyChain } from '../domain/audit-chain.js';
import { findAuditBeyondHead, getAuditHead, readAuditChain } from './audit-log.js';
import type { Database, TenantContext } from './database.js';

/** Some 500 kB: a page is one short transaction, since a long one holds the readers of batches up. */
const PAGE_RECORDS = 500;

/**
 * Holds the tenant's chain to its head as that is now; appends go on meanwhile. `start` is a head that
 * was noted earlier: what lies before it is not read, and that it is still part of the chain is held.
 */
export async function verifyAuditLog(
  database: Database,
  context: TenantContext,
  start: AuditHead = AUDIT_GENESIS,
): Promise<ChainVerdict> {
  const head = (await database.withTenant(context, getAuditHead)) ?? AUDIT_GENESIS;
  return verifyChain(withBeyond(database, context, start, head), start, head);
}

/** The records after `start` up to and with `head`, in the order of the chain: an export. */
export async function* walkAuditChain(
  database: Database,
  context: TenantContext,
  start: AuditHead,
  head: AuditHead,
): AsyncGenerator<AuditRecord> {
  let { sequence } = start;
  while (sequence < head.sequence) {
    const after = sequence;
    const page = await database.withTenant(context, (tx) =>
      readAuditChain(tx, after, PAGE_RECORDS),
    );
    for (const record of page) {
      if (record.sequence > head.sequence) return;
      yield record;
      sequence = record.sequence;
    }
    if (page.length === 0) return;
  }
}

async function* withBeyond(
  database: Database,
  context: TenantContext,
  start: AuditHead,
  head: AuditHead,
): AsyncGenerator<AuditRecord> {
  yield* walkAuditChain(database, context, start, head);
  const beyond = await database.withTenant(context, findAuditBeyondHead);
  if (beyond) yield beyond;
}
