import { and, eq, sql } from 'drizzle-orm';
import { found, only } from './errors.js';
import { lockPolicy } from './policies.js';
import { policies } from './schema/policies.js';
import { policyDrafts } from './schema/policy-drafts.js';
import type { TenantTx } from './transaction.js';

/** What may become the next version of a policy. */
export interface PolicyDraft {
  readonly policyId: string;
  /** YAML, or what is to become it. */
  readonly source: string;
  /** Rises with every edit, and goes on where a later draft of the policy begins. */
  readonly revision: number;
  readonly updatedBy: string;
  readonly updatedAt: Date;
}

/** @throws BulkheadError NOT_FOUND */
export async function getPolicyDraft(tx: TenantTx, policyId: string): Promise<PolicyDraft> {
  return found(await findDraft(tx, policyId), 'draft');
}

/**
 * Makes or replaces it. `check` sees what is there, if anything is, and may throw; nobody changes it in
 * between.
 * @throws BulkheadError as lockPolicy
 */
export async function putPolicyDraft(
  tx: TenantTx,
  { policyId, source, updatedBy }: Pick<PolicyDraft, 'policyId' | 'source' | 'updatedBy'>,
  check: (current: PolicyDraft | undefined) => void = () => {},
): Promise<PolicyDraft> {
  await lockPolicy(tx, policyId);
  check(await findDraft(tx, policyId));
  const { revision } = only(
    await tx.queries
      .update(policies)
      .set({ draftRevision: sql`${policies.draftRevision} + 1` })
      .where(and(eq(policies.tenantId, tx.tenantId), eq(policies.id, policyId)))
      .returning({ revision: policies.draftRevision }),
  );
  const written = { source, revision, updatedBy, updatedAt: sql`now()` };
  const rows = await tx.queries
    .insert(policyDrafts)
    .values({ tenantId: tx.tenantId, policyId, ...written })
    .onConflictDoUpdate({ target: [policyDrafts.tenantId, policyDrafts.policyId], set: written })
    .returning();
  return draftFromRow(only(rows));
}

/**
 * What it was. `check` as for putPolicyDraft.
 * @throws BulkheadError NOT_FOUND where there is none, and as lockPolicy
 */
export async function deletePolicyDraft(
  tx: TenantTx,
  policyId: string,
  check: (current: PolicyDraft) => void = () => {},
): Promise<PolicyDraft> {
  await lockPolicy(tx, policyId);
  const current = await getPolicyDraft(tx, policyId);
  check(current);
  await tx.queries.delete(policyDrafts).where(ofPolicy(tx, policyId));
  return current;
}

async function findDraft(tx: TenantTx, policyId: string): Promise<PolicyDraft | undefined> {
  const [row] = await tx.queries.select().from(policyDrafts).where(ofPolicy(tx, policyId));
  return row && draftFromRow(row);
}

function ofPolicy(tx: TenantTx, policyId: string) {
  return and(eq(policyDrafts.tenantId, tx.tenantId), eq(policyDrafts.policyId, policyId));
}

function draftFromRow(row: typeof policyDrafts.$inferSelect): PolicyDraft {
  const { tenantId: _tenantId, ...draft } = row;
  return draft;
}
