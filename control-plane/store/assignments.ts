import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import { chooses } from '../domain/assignments.js';
import { selectableLabels } from '../domain/clusters.js';
import {
  type FreezeStance,
  lockDesired,
  type PolicyMode,
  recomputeDesired,
} from './desired-state.js';
import { found, only } from './errors.js';
import { newId } from './ids.js';
import { orderOf, startsWith } from './orders.js';
import { type Page, type PageRequest, pageLimit, pageStart, toPage } from './pages.js';
import { lockPolicy } from './policies.js';
import { holdQuota } from './quotas.js';
import { assignments } from './schema/assignments.js';
import { clusters } from './schema/clusters.js';
import type { TenantTx } from './transaction.js';

/** Which version of a policy runs on the clusters that its labels choose. */
export interface Assignment {
  readonly id: string;
  readonly name: string;
  readonly policyId: string;
  readonly version: number;
  /** A selector as text; '' is every cluster. */
  readonly clusters: string;
  readonly mode: PolicyMode;
  /** The highest wins; of the same the newest assignment. */
  readonly priority: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  /** Rises with every edit. */
  readonly revision: number;
}

export type NewAssignment = Omit<Assignment, 'id' | 'version' | 'createdAt' | 'revision'> & {
  /** The latest at this moment, where none is named. */
  readonly version?: number | undefined;
};

export interface AssignmentChange {
  readonly name?: string | undefined;
  readonly version?: number | undefined;
  readonly clusters?: string | undefined;
  readonly mode?: PolicyMode | undefined;
  readonly priority?: number | undefined;
}

/**
 * @throws BulkheadError as lockPolicy, NOT_FOUND where it has no such version, CONFLICT where the tenant
 * has an assignment of that name, POLICY_INVALID where a cluster would have too much, FROZEN, RESOURCE_EXHAUSTED
 */
export async function createAssignment(
  tx: TenantTx,
  assignment: NewAssignment,
  freeze?: FreezeStance,
): Promise<Assignment> {
  await lockDesired(tx);
  const { latestVersion } = await lockPolicy(tx, assignment.policyId);
  await holdQuota(tx, 'assignments');
  const rows = await tx.queries
    .insert(assignments)
    .values({
      ...assignment,
      version: assignment.version ?? latestVersion,
      tenantId: tx.tenantId,
      id: newId(),
    })
    .returning();
  await recomputeDesired(tx, { policyId: assignment.policyId }, freeze);
  return assignmentFromRow(only(rows));
}

/** @throws BulkheadError NOT_FOUND */
export async function getAssignment(tx: TenantTx, id: string): Promise<Assignment> {
  const [row] = await tx.queries.select().from(assignments).where(byId(tx, id));
  return assignmentFromRow(found(row, 'assignment'));
}

const ASSIGNMENT_ORDERS = { name: assignments.name, createdAt: assignments.createdAt } as const;
export const ASSIGNMENT_SORTS = ['name', '-name', 'createdAt', '-createdAt'] as const;

export interface AssignmentFilter extends PageRequest {
  readonly policyId?: string | undefined;
  /** Those that choose this cluster, whether or not they have their way there. */
  readonly clusterId?: string | undefined;
  readonly namePrefix?: string | undefined;
  readonly sort?: (typeof ASSIGNMENT_SORTS)[number] | undefined;
}

/** By name, where no other order is asked for. */
export async function listAssignments(
  tx: TenantTx,
  filter: AssignmentFilter = {},
): Promise<Page<Assignment>> {
  const { sort = 'name', policyId, clusterId, namePrefix } = filter;
  const limit = pageLimit(filter);
  const order = orderOf(sort, ASSIGNMENT_ORDERS, assignments.id);
  const rows = await tx.queries
    .select()
    .from(assignments)
    .where(
      and(
        eq(assignments.tenantId, tx.tenantId),
        policyId === undefined ? undefined : eq(assignments.policyId, policyId),
        clusterId === undefined
          ? undefined
          : inArray(assignments.id, await idsChoosing(tx, clusterId)),
        namePrefix === undefined ? undefined : startsWith(assignments.name, namePrefix),
        order.after(pageStart(filter, 2)),
      ),
    )
    .orderBy(...order.by)
    .limit(limit + 1);
  return toPage(rows, limit, assignmentFromRow, order.keyOf);
}

/**
 * `check` sees what is there and may throw; nobody changes it in between.
 * @throws BulkheadError NOT_FOUND, and as createAssignment
 */
export async function updateAssignment(
  tx: TenantTx,
  id: string,
  { name, version, clusters: chosen, mode, priority }: AssignmentChange,
  check: (current: Assignment) => void = () => {},
  freeze?: FreezeStance,
): Promise<Assignment> {
  await lockDesired(tx);
  const current = await getAssignment(tx, id);
  check(current);
  const rows = await tx.queries
    .update(assignments)
    .set({
      ...(name !== undefined && { name }),
      ...(version !== undefined && { version }),
      ...(chosen !== undefined && { clusters: chosen }),
      ...(mode !== undefined && { mode }),
      ...(priority !== undefined && { priority }),
      revision: sql`${assignments.revision} + 1`,
    })
    .where(byId(tx, id))
    .returning();
  await recomputeDesired(tx, { policyId: current.policyId }, freeze);
  return assignmentFromRow(only(rows));
}

/**
 * Another assignment may come to light where it goes. `check` as for updateAssignment.
 * @throws BulkheadError NOT_FOUND, POLICY_INVALID
 */
export async function deleteAssignment(
  tx: TenantTx,
  id: string,
  check: (current: Assignment) => void = () => {},
  freeze?: FreezeStance,
): Promise<Assignment> {
  await lockDesired(tx);
  const current = await getAssignment(tx, id);
  check(current);
  await recomputeDesired(tx, { policyId: current.policyId, without: id }, freeze);
  await tx.queries.delete(assignments).where(byId(tx, id));
  return current;
}

/** How many clusters each of them chooses, in their order. */
export async function countChosen(
  tx: TenantTx,
  some: readonly Pick<Assignment, 'clusters'>[],
): Promise<readonly number[]> {
  if (some.length === 0) return [];
  const rows = await tx.queries
    .select({ id: clusters.id, name: clusters.name, labels: clusters.labels })
    .from(clusters)
    .where(and(eq(clusters.tenantId, tx.tenantId), isNull(clusters.archivedAt)));
  const labels = rows.map(selectableLabels);
  return some.map((assignment) => labels.filter(chooses(assignment)).length);
}

/** None where there is no such cluster. */
async function idsChoosing(tx: TenantTx, clusterId: string): Promise<string[]> {
  const [cluster] = await tx.queries
    .select({ id: clusters.id, name: clusters.name, labels: clusters.labels })
    .from(clusters)
    .where(
      and(
        eq(clusters.tenantId, tx.tenantId),
        eq(clusters.id, clusterId),
        isNull(clusters.archivedAt),
      ),
    );
  if (!cluster) return [];
  const labels = selectableLabels(cluster);
  const rows = await tx.queries
    .select({ id: assignments.id, clusters: assignments.clusters })
    .from(assignments)
    .where(eq(assignments.tenantId, tx.tenantId));
  return rows.filter((row) => chooses(row)(labels)).map(({ id }) => id);
}

function byId(tx: TenantTx, id: string) {
  return and(eq(assignments.tenantId, tx.tenantId), eq(assignments.id, id));
}

function assignmentFromRow(row: typeof assignments.$inferSelect): Assignment {
  const { tenantId: _tenantId, ...assignment } = row;
  return assignment;
}
