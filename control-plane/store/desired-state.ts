import { and, asc, eq, isNull, or, sql } from 'drizzle-orm';
import { CHANNELS, notify } from './database.js';
import { only } from './errors.js';
import { holdQuota } from './quotas.js';
import { desiredState, type POLICY_MODES } from './schema/desired-state.js';
import { policies, policyVersions } from './schema/policies.js';
import type { TenantTx } from './transaction.js';

export { POLICY_MODES } from './schema/desired-state.js';
export type PolicyMode = (typeof POLICY_MODES)[number];

export interface Desired {
  readonly policyId: string;
  /** Absent: every cluster of the tenant. */
  readonly clusterId?: string;
  readonly version: number;
  readonly mode: PolicyMode;
  readonly updatedAt: Date;
}

export interface DesiredTarget {
  readonly policyId: string;
  readonly clusterId?: string | undefined;
}

export interface DesiredPolicy {
  readonly policyId: string;
  readonly name: string;
  readonly version: number;
  readonly mode: PolicyMode;
  readonly normalised: Uint8Array;
  readonly normalisedSha256: Uint8Array;
}

/**
 * Wakes CHANNELS.policy.
 * @throws BulkheadError NOT_FOUND where policy, version or cluster is unknown; RESOURCE_EXHAUSTED
 */
export async function setDesired(
  tx: TenantTx,
  desired: DesiredTarget & { readonly version: number; readonly mode: PolicyMode },
): Promise<Desired> {
  await lockDesired(tx);
  const former = await tx.queries
    .select({ version: desiredState.version })
    .from(desiredState)
    .where(targetIs(tx, desired));
  if (former.length === 0) await holdQuota(tx, 'assignments');
  const rows = await tx.queries
    .insert(desiredState)
    .values({
      tenantId: tx.tenantId,
      policyId: desired.policyId,
      clusterId: desired.clusterId ?? null,
      version: desired.version,
      mode: desired.mode,
    })
    .onConflictDoUpdate({
      target: [desiredState.tenantId, desiredState.policyId, desiredState.clusterId],
      set: { version: desired.version, mode: desired.mode, updatedAt: sql`now()` },
    })
    .returning();
  await notify(tx, CHANNELS.policy, tx.tenantId);
  return desiredFromRow(only(rows));
}

/** Whether there was one to remove. Wakes CHANNELS.policy. */
export async function removeDesired(tx: TenantTx, target: DesiredTarget): Promise<boolean> {
  await lockDesired(tx);
  const rows = await tx.queries
    .delete(desiredState)
    .where(targetIs(tx, target))
    .returning({ policyId: desiredState.policyId });
  if (rows.length === 0) return false;
  await notify(tx, CHANNELS.policy, tx.tenantId);
  return true;
}

/** Where one policy, or each, is to run; all of it, since it holds at most policies x clusters rows. */
export async function listDesired(
  tx: TenantTx,
  filter: { readonly policyId?: string | undefined } = {},
): Promise<readonly Desired[]> {
  const rows = await tx.queries
    .select()
    .from(desiredState)
    .where(
      and(
        eq(desiredState.tenantId, tx.tenantId),
        filter.policyId === undefined ? undefined : eq(desiredState.policyId, filter.policyId),
      ),
    )
    .orderBy(asc(desiredState.policyId), asc(desiredState.clusterId));
  return rows.map(desiredFromRow);
}

/** What one cluster is to run, by policy id; a row of the cluster wins over the one of every cluster. */
export async function listDesiredForCluster(
  tx: TenantTx,
  clusterId: string,
): Promise<readonly DesiredPolicy[]> {
  return tx.queries
    .selectDistinctOn([desiredState.policyId], {
      policyId: desiredState.policyId,
      name: policies.name,
      version: desiredState.version,
      mode: desiredState.mode,
      normalised: policyVersions.normalised,
      normalisedSha256: policyVersions.sha256,
    })
    .from(desiredState)
    .innerJoin(
      policyVersions,
      and(
        eq(policyVersions.tenantId, desiredState.tenantId),
        eq(policyVersions.policyId, desiredState.policyId),
        eq(policyVersions.version, desiredState.version),
      ),
    )
    .innerJoin(
      policies,
      and(eq(policies.tenantId, desiredState.tenantId), eq(policies.id, desiredState.policyId)),
    )
    .where(
      and(
        eq(desiredState.tenantId, tx.tenantId),
        or(isNull(desiredState.clusterId), eq(desiredState.clusterId, clusterId)),
      ),
    )
    .orderBy(asc(desiredState.policyId), sql`${desiredState.clusterId} nulls last`);
}

/**
 * Until the transaction ends: who changes what a tenant's clusters run reads afterwards what all of it
 * comes to, and must not miss a change that is under way.
 */
async function lockDesired(tx: TenantTx): Promise<void> {
  const name = `desired-state:${tx.tenantId}`;
  await tx.queries.execute(sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`);
}

function targetIs(tx: TenantTx, { policyId, clusterId }: DesiredTarget) {
  return and(
    eq(desiredState.tenantId, tx.tenantId),
    eq(desiredState.policyId, policyId),
    clusterId === undefined
      ? isNull(desiredState.clusterId)
      : eq(desiredState.clusterId, clusterId),
  );
}

function desiredFromRow(row: typeof desiredState.$inferSelect): Desired {
  return {
    policyId: row.policyId,
    ...(row.clusterId && { clusterId: row.clusterId }),
    version: row.version,
    mode: row.mode,
    updatedAt: row.updatedAt,
  };
}
