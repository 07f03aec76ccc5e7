import { and, eq, notInArray, sql } from 'drizzle-orm';
import type { HeardReport } from '../domain/node-reports.js';
import { uuidArray } from './ids.js';
import { toJsonText } from './json.js';
import { SHUT_OUT } from './nodes.js';
import { nodes } from './schema/nodes.js';
import type { TenantTx } from './transaction.js';

const ORDER_DOUBT_MS = 2_000;

/**
 * Writes what nodes reported, and answers which of them may: whoever is missing is shut out or gone.
 *
 * The rows are locked in the order of their ids first, since two replicas may hold reports of the same
 * nodes. A report that was heard well before what the row says already changes nothing: a node may have gone
 * to another replica since. `ageMs` stands for when it was heard, so that clocks of replicas do not matter;
 * how long a statement takes to get there does, so that a replica's own later report may look a little older.
 */
export async function recordReports(
  tx: TenantTx,
  reports: ReadonlyMap<string, HeardReport>,
): Promise<readonly string[]> {
  const live = await tx.queries
    .select({ id: nodes.id })
    .from(nodes)
    .where(isLive(tx, [...reports.keys()]))
    .orderBy(nodes.id)
    .for('no key update');
  const rows = live.flatMap(({ id }) => {
    const report = reports.get(id);
    return report ? [rowFromReport(id, report)] : [];
  });
  if (rows.length === 0) return [];
  await tx.queries.execute(sql`
    update nodes set
      state = case when report.kernel_release is null then nodes.state else 'active' end,
      kernel_release = coalesce(report.kernel_release, nodes.kernel_release),
      architecture = coalesce(report.architecture, nodes.architecture),
      kubernetes_version = case when report.kernel_release is null then nodes.kubernetes_version
        else report.kubernetes_version end,
      agent_version = coalesce(report.agent_version, nodes.agent_version),
      hooks = coalesce(report.hooks, nodes.hooks),
      applied_revision = coalesce(report.applied_revision, nodes.applied_revision),
      applied_at = case when report.is_applied then report.heard_at else nodes.applied_at end,
      last_nack = case when report.says_nack then report.last_nack
        else coalesce(report.last_nack, nodes.last_nack) end,
      losses = coalesce(report.losses, nodes.losses),
      trust_sha256 = case when report.kernel_release is null
        then coalesce(decode(report.trust_sha256, 'hex'), nodes.trust_sha256)
        else decode(report.trust_sha256, 'hex') end,
      certificate_authority = coalesce(report.certificate_authority, nodes.certificate_authority),
      last_seen_at = greatest(nodes.last_seen_at, report.heard_at)
    from (
      select *, date_trunc('milliseconds', clock_timestamp() - age_ms * interval '1 millisecond') as heard_at
      from jsonb_to_recordset(${toJsonText(rows)}::text::jsonb) as each (
        id uuid, age_ms double precision, kernel_release text, architecture text,
        agent_version text, kubernetes_version text, hooks jsonb, applied_revision bigint, is_applied boolean,
        last_nack jsonb, says_nack boolean, losses jsonb, trust_sha256 text,
        certificate_authority text)
    ) as report
    where nodes.tenant_id = ${tx.tenantId}::uuid and nodes.id = report.id
      and (nodes.last_seen_at is null
        or nodes.last_seen_at <= report.heard_at + ${ORDER_DOUBT_MS} * interval '1 millisecond')`);
  return live.map(({ id }) => id);
}

function isLive(tx: TenantTx, ids: readonly string[]) {
  const anyOf = sql`${nodes.id} = any(${uuidArray(ids)})`;
  return and(eq(nodes.tenantId, tx.tenantId), anyOf, notInArray(nodes.state, [...SHUT_OUT]));
}

/** Keys that are undefined are not in the JSON, and so NULL. */
function rowFromReport(id: string, report: HeardReport) {
  return {
    id,
    age_ms: Math.max(0, performance.now() - report.heardAt),
    kernel_release: report.machine?.kernelRelease,
    architecture: report.machine?.architecture,
    agent_version: report.machine?.agentVersion,
    kubernetes_version: report.machine?.kubernetesVersion,
    hooks: report.hooks,
    applied_revision: report.appliedRevision,
    is_applied: report.isApplied,
    last_nack: report.lastNack ?? undefined,
    says_nack: report.lastNack !== undefined,
    losses: report.losses,
    trust_sha256: report.trustSha256 && Buffer.from(report.trustSha256).toString('hex'),
    certificate_authority: report.certificateAuthority,
  };
}
