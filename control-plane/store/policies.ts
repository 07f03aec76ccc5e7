import { and, desc, eq, isNull, lt, sql } from 'drizzle-orm';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { countPolicyUse, lockDesired } from './desired-state.js';
import { found, only } from './errors.js';
import { newId } from './ids.js';
import { orderOf, startsWith } from './orders.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { checkVersionQuota, holdQuota } from './quotas.js';
import { policies, policyVersions } from './schema/policies.js';
import { policyDrafts } from './schema/policy-drafts.js';
import type { TenantTx } from './transaction.js';

export interface Policy {
  readonly id: string;
  readonly name: string;
  readonly latestVersion: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  /** Its versions stay, its name is free, and nothing new is made of it. */
  readonly archivedAt?: Date;
}

export interface PolicyVersionSummary {
  readonly policyId: string;
  readonly version: number;
  readonly sha256: Uint8Array;
  readonly createdBy: string;
  readonly createdAt: Date;
}

export interface PolicyVersion extends PolicyVersionSummary {
  /** The YAML as it was written. */
  readonly source: string;
  /** The canonical bytes of bulkhead.v1.Policy. */
  readonly normalised: Uint8Array;
}

export interface NewPolicyVersion {
  readonly source: string;
  readonly normalised: Uint8Array;
  /** Of `normalised`, 32 bytes. */
  readonly sha256: Uint8Array;
  readonly createdBy: string;
}

/** With its version 1. @throws BulkheadError CONFLICT where there is one of that name, RESOURCE_EXHAUSTED */
export async function createPolicy(
  tx: TenantTx,
  policy: NewPolicyVersion & { readonly name: string },
): Promise<{ readonly policy: Policy; readonly version: PolicyVersion }> {
  const { name, ...first } = policy;
  await holdQuota(tx, 'policies');
  const rows = await tx.queries
    .insert(policies)
    .values({ tenantId: tx.tenantId, id: newId(), name, createdBy: policy.createdBy })
    .returning();
  const created = policyFromRow(only(rows));
  return { policy: created, version: await insertVersion(tx, created.id, 1, first) };
}

/** The next version; two at once get two numbers. @throws BulkheadError as lockPolicy, RESOURCE_EXHAUSTED */
export async function addPolicyVersion(
  tx: TenantTx,
  policyId: string,
  version: NewPolicyVersion,
): Promise<PolicyVersion> {
  await lockPolicy(tx, policyId);
  const rows = await tx.queries
    .update(policies)
    .set({ latestVersion: sql`${policies.latestVersion} + 1` })
    .where(byId(tx, policyId))
    .returning({ latestVersion: policies.latestVersion });
  const { latestVersion } = only(rows);
  await checkVersionQuota(tx, latestVersion);
  return insertVersion(tx, policyId, latestVersion, version);
}

/**
 * A policy of which something new is to be made, until the transaction ends.
 * @throws BulkheadError NOT_FOUND, CONFLICT where it is archived
 */
export async function lockPolicy(tx: TenantTx, id: string): Promise<Policy> {
  const [row] = await tx.queries.select().from(policies).where(byId(tx, id)).for('no key update');
  const policy = policyFromRow(found(row, 'policy'));
  if (policy.archivedAt) throw new BulkheadError('CONFLICT', 'the policy is archived');
  return policy;
}

/**
 * For good. Its draft goes.
 * @throws BulkheadError as lockPolicy, CONFLICT where an assignment uses it
 */
export async function archivePolicy(tx: TenantTx, id: string): Promise<Policy> {
  await lockDesired(tx);
  await lockPolicy(tx, id);
  const { assignments } = await countPolicyUse(tx, id);
  if (assignments > 0) {
    throw new BulkheadError('CONFLICT', `the policy has assignments: ${assignments}`);
  }
  await tx.queries
    .delete(policyDrafts)
    .where(and(eq(policyDrafts.tenantId, tx.tenantId), eq(policyDrafts.policyId, id)));
  const rows = await tx.queries
    .update(policies)
    .set({ archivedAt: sql`now()` })
    .where(byId(tx, id))
    .returning();
  return policyFromRow(only(rows));
}

/** Archived ones too. @throws BulkheadError NOT_FOUND */
export async function getPolicy(tx: TenantTx, id: string): Promise<Policy> {
  const [row] = await tx.queries.select().from(policies).where(byId(tx, id));
  return policyFromRow(found(row, 'policy'));
}

const POLICY_ORDERS = { name: policies.name, createdAt: policies.createdAt } as const;
export const POLICY_SORTS = ['name', '-name', 'createdAt', '-createdAt'] as const;

export interface PolicyFilter extends PageRequest {
  readonly namePrefix?: string | undefined;
  readonly sort?: (typeof POLICY_SORTS)[number] | undefined;
}

/** By name, where no other order is asked for; without archived ones. */
export async function listPolicies(tx: TenantTx, filter: PolicyFilter = {}): Promise<Page<Policy>> {
  const { sort = 'name', namePrefix } = filter;
  const limit = pageLimit(filter);
  const order = orderOf(sort, POLICY_ORDERS, policies.id);
  const rows = await tx.queries
    .select()
    .from(policies)
    .where(
      and(
        eq(policies.tenantId, tx.tenantId),
        isNull(policies.archivedAt),
        namePrefix === undefined ? undefined : startsWith(policies.name, namePrefix),
        order.after(pageStart(filter, 2)),
      ),
    )
    .orderBy(...order.by)
    .limit(limit + 1);
  return toPage(rows, limit, policyFromRow, order.keyOf);
}

/** @throws BulkheadError NOT_FOUND */
export async function getPolicyVersion(
  tx: TenantTx,
  policyId: string,
  version: number,
): Promise<PolicyVersion> {
  const [row] = await tx.queries
    .select()
    .from(policyVersions)
    .where(
      and(
        eq(policyVersions.tenantId, tx.tenantId),
        eq(policyVersions.policyId, policyId),
        eq(policyVersions.version, version),
      ),
    );
  return policyVersionFromRow(found(row, 'version of this policy'));
}

/** Newest first; empty where there is no such policy. */
export async function listPolicyVersions(
  tx: TenantTx,
  policyId: string,
  request: PageRequest = {},
): Promise<Page<PolicyVersionSummary>> {
  const limit = pageLimit(request);
  const [before] = pageStart(request, 1) ?? [];
  const rows = await tx.queries
    .select({
      policyId: policyVersions.policyId,
      version: policyVersions.version,
      sha256: policyVersions.sha256,
      createdBy: policyVersions.createdBy,
      createdAt: policyVersions.createdAt,
    })
    .from(policyVersions)
    .where(
      and(
        eq(policyVersions.tenantId, tx.tenantId),
        eq(policyVersions.policyId, policyId),
        before === undefined ? undefined : lt(policyVersions.version, sql`${before}::integer`),
      ),
    )
    .orderBy(desc(policyVersions.version))
    .limit(limit + 1);
  return toPage(
    rows,
    limit,
    (row) => row,
    (row) => [String(row.version)],
  );
}

async function insertVersion(
  tx: TenantTx,
  policyId: string,
  version: number,
  content: NewPolicyVersion,
): Promise<PolicyVersion> {
  const rows = await tx.queries
    .insert(policyVersions)
    .values({ ...content, tenantId: tx.tenantId, policyId, version })
    .returning();
  return policyVersionFromRow(only(rows));
}

function byId(tx: TenantTx, id: string) {
  return and(eq(policies.tenantId, tx.tenantId), eq(policies.id, id));
}

function policyFromRow(row: typeof policies.$inferSelect): Policy {
  const { tenantId: _tenantId, draftRevision: _draftRevision, archivedAt, ...policy } = row;
  return { ...policy, ...(archivedAt && { archivedAt }) };
}

function policyVersionFromRow(row: typeof policyVersions.$inferSelect): PolicyVersion {
  const { tenantId: _tenantId, ...version } = row;
  return version;
}
