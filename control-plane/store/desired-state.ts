import { and, asc, count, countDistinct, eq, isNull, ne, sql } from 'drizzle-orm';
import { type Assigning, type Decision, decide } from '../domain/assignments.js';
import type { LabelledCluster } from '../domain/clusters.js';
import { CHANNELS, notify } from './database.js';
import { checkDesiredFits } from './desired-fit.js';
import { checkNotFrozen } from './desired-freeze.js';
import { only } from './errors.js';
import { orderOf } from './orders.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { assignments, type POLICY_MODES } from './schema/assignments.js';
import { clusters } from './schema/clusters.js';
import { desiredState } from './schema/desired-state.js';
import { nodes } from './schema/nodes.js';
import { policies, policyVersions } from './schema/policies.js';
import type { TenantTx } from './transaction.js';

export { POLICY_MODES } from './schema/assignments.js';
export type PolicyMode = (typeof POLICY_MODES)[number];

export interface DesiredPolicy {
  readonly policyId: string;
  readonly name: string;
  readonly version: number;
  readonly mode: PolicyMode;
  readonly normalised: Uint8Array;
  readonly normalisedSha256: Uint8Array;
}

/** What changed: the assignments of a policy, or a cluster. */
export type DesiredScope =
  | { readonly policyId: string; readonly without?: AssignmentToGo }
  | { readonly clusterId: string };
/** The id of one that is there still and counts no more. */
type AssignmentToGo = string;

/** 'overridden': an open freeze window does not hold up this change. */
export type FreezeStance = 'holds' | 'overridden';

/**
 * Until the transaction ends: who changes an assignment or a cluster takes it first of all, so that what
 * all of them come to is decided by one after the other.
 */
export async function lockDesired(tx: TenantTx): Promise<void> {
  const name = `desired-state:${tx.tenantId}`;
  await tx.queries.execute(sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`);
}

/**
 * Makes desired_state of the assignments and clusters that are there now; called with lockDesired held.
 * Policies are decided apart from each other, so that one policy of all clusters, or all policies of one
 * cluster, is all that a change can touch. Writes the rows that differ, and wakes CHANNELS.policy where
 * there is one.
 * @throws BulkheadError POLICY_INVALID where a cluster would have more than fits a node, FROZEN
 */
export async function recomputeDesired(
  tx: TenantTx,
  scope: DesiredScope,
  freeze: FreezeStance = 'holds',
): Promise<void> {
  const decisions = decide(await assignmentsIn(tx, scope), await clustersIn(tx, scope));
  const { gone, put } = await writeDecisions(tx, scope, decisions);
  if (gone.length + put.length === 0) return;
  if (freeze === 'holds') await checkNotFrozen(tx, [...gone, ...put]);
  await checkDesiredFits(tx, put);
  await notify(tx, CHANNELS.policy, tx.tenantId);
}

/** What one cluster is to run, by policy id. */
export async function listDesiredForCluster(
  tx: TenantTx,
  clusterId: string,
): Promise<readonly DesiredPolicy[]> {
  return tx.queries
    .select({
      policyId: desiredState.policyId,
      name: policies.name,
      version: desiredState.version,
      mode: desiredState.mode,
      normalised: policyVersions.normalised,
      normalisedSha256: policyVersions.sha256,
    })
    .from(desiredState)
    .innerJoin(policyVersions, hasVersion())
    .innerJoin(policies, hasPolicy())
    .where(ofCluster(tx, clusterId))
    .orderBy(asc(desiredState.policyId));
}

export interface ClusterPolicy {
  readonly policyId: string;
  readonly name: string;
  readonly version: number;
  readonly mode: PolicyMode;
  readonly assignmentId: string;
}

/** The same without what the policies say, by name; empty where there is no such cluster. */
export async function listClusterPolicies(
  tx: TenantTx,
  clusterId: string,
  request: PageRequest = {},
): Promise<Page<ClusterPolicy>> {
  const limit = pageLimit(request);
  const order = orderOf('name', { name: policies.name }, policies.id);
  const rows = await tx.queries
    .select({
      id: policies.id,
      name: policies.name,
      version: desiredState.version,
      mode: desiredState.mode,
      assignmentId: desiredState.assignmentId,
    })
    .from(desiredState)
    .innerJoin(policies, hasPolicy())
    .where(and(ofCluster(tx, clusterId), order.after(pageStart(request, 2))))
    .orderBy(...order.by)
    .limit(limit + 1);
  return toPage(rows, limit, ({ id, ...row }) => ({ policyId: id, ...row }), order.keyOf);
}

/** How much uses a policy. */
export interface PolicyUse {
  readonly assignments: number;
  /** Those that are to run it. */
  readonly clusters: number;
  /** In these clusters, without revoked ones. */
  readonly nodes: number;
}

/** Nothing where there is no such policy. */
export async function countPolicyUse(tx: TenantTx, policyId: string): Promise<PolicyUse> {
  const assigned = await tx.queries
    .select({ assignments: count() })
    .from(assignments)
    .where(and(eq(assignments.tenantId, tx.tenantId), eq(assignments.policyId, policyId)));
  const running = await tx.queries
    .select({ clusters: countDistinct(desiredState.clusterId), nodes: count(nodes.id) })
    .from(desiredState)
    .leftJoin(
      nodes,
      and(
        eq(nodes.tenantId, desiredState.tenantId),
        eq(nodes.clusterId, desiredState.clusterId),
        isNull(nodes.revokedAt),
      ),
    )
    .where(and(eq(desiredState.tenantId, tx.tenantId), eq(desiredState.policyId, policyId)));
  return { ...only(assigned), ...only(running) };
}

function assignmentsIn(tx: TenantTx, scope: DesiredScope): Promise<readonly Assigning[]> {
  const ofPolicy = 'policyId' in scope ? eq(assignments.policyId, scope.policyId) : undefined;
  const staying =
    'without' in scope && scope.without ? ne(assignments.id, scope.without) : undefined;
  return tx.queries
    .select()
    .from(assignments)
    .where(and(eq(assignments.tenantId, tx.tenantId), ofPolicy, staying));
}

function clustersIn(tx: TenantTx, scope: DesiredScope): Promise<readonly LabelledCluster[]> {
  const one = 'clusterId' in scope ? eq(clusters.id, scope.clusterId) : undefined;
  return tx.queries
    .select({ id: clusters.id, name: clusters.name, labels: clusters.labels })
    .from(clusters)
    .where(and(eq(clusters.tenantId, tx.tenantId), isNull(clusters.archivedAt), one));
}

/**
 * The clusters that have a policy less, and those that have one more or another of its versions. One
 * statement, however many there are: of a policy with 50 assignments, which choose among 2000 clusters, all
 * of recomputeDesired takes 60 to 80 ms (two cores, beside other work), and 130 ms where each cluster runs
 * 50 policies; of one cluster 10 ms.
 */
async function writeDecisions(
  tx: TenantTx,
  scope: DesiredScope,
  decisions: readonly Decision[],
): Promise<{ readonly gone: readonly string[]; readonly put: readonly string[] }> {
  const within =
    'policyId' in scope
      ? sql`policy_id = ${scope.policyId}::uuid`
      : sql`cluster_id = ${scope.clusterId}::uuid`;
  const rows = await tx.queries.execute<{ cluster_id: string; is_put: boolean }>(sql`
    with decided as materialized (
      select * from jsonb_to_recordset((${JSON.stringify(decisions)}::text)::jsonb) as decided (
        "clusterId" uuid, "policyId" uuid, version integer, mode text, "assignmentId" uuid)
    ), gone as (
      delete from desired_state
      where tenant_id = ${tx.tenantId}::uuid and ${within} and not exists (
        select from decided where "clusterId" = cluster_id and "policyId" = policy_id)
      returning cluster_id
    ), put as (
      insert into desired_state
        (tenant_id, cluster_id, policy_id, version, mode, assignment_id, updated_at)
      select ${tx.tenantId}::uuid, "clusterId", "policyId", version, mode, "assignmentId", now()
      from decided
      on conflict (tenant_id, cluster_id, policy_id) do update
        set version = excluded.version, mode = excluded.mode,
          assignment_id = excluded.assignment_id, updated_at = excluded.updated_at
        where (desired_state.version, desired_state.mode, desired_state.assignment_id)
          is distinct from (excluded.version, excluded.mode, excluded.assignment_id)
      returning cluster_id
    )
    select cluster_id, false as is_put from gone union all select cluster_id, true from put`);
  const idsOf = (isPut: boolean) =>
    rows.filter((row) => row.is_put === isPut).map((row) => row.cluster_id);
  return { gone: idsOf(false), put: idsOf(true) };
}

function ofCluster(tx: TenantTx, clusterId: string) {
  return and(eq(desiredState.tenantId, tx.tenantId), eq(desiredState.clusterId, clusterId));
}

function hasPolicy() {
  return and(eq(policies.tenantId, desiredState.tenantId), eq(policies.id, desiredState.policyId));
}

function hasVersion() {
  return and(
    eq(policyVersions.tenantId, desiredState.tenantId),
    eq(policyVersions.policyId, desiredState.policyId),
    eq(policyVersions.version, desiredState.version),
  );
}
