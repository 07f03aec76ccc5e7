import type { HookFacts } from '../../control-plane/domain/node-info.js';
import type { NodeReport } from '../../control-plane/domain/node-reports.js';
import { recordReports } from '../../control-plane/store/live-nodes.js';
import type { NodeLosses } from '../../control-plane/store/nodes.js';
import type { TenantTx } from '../../control-plane/store/transaction.js';

/** As if the node had just said so on its policy stream. */
export function recordHello(
  tx: TenantTx,
  nodeId: string,
  hello: Omit<NonNullable<NodeReport['machine']>, 'kubernetesVersion'> & {
    readonly hooks: readonly HookFacts[];
    readonly appliedRevision: number;
  },
): Promise<void> {
  const { kernelRelease, architecture, agentVersion, hooks, appliedRevision } = hello;
  const machine = { kernelRelease, architecture, agentVersion, kubernetesVersion: undefined };
  return record(tx, nodeId, { machine, hooks, appliedRevision });
}

export function recordAck(
  tx: TenantTx,
  nodeId: string,
  { revision, hooks }: { readonly revision: number; readonly hooks: readonly HookFacts[] },
): Promise<void> {
  return record(tx, nodeId, { appliedRevision: revision, isApplied: true, hooks, lastNack: null });
}

export function recordNack(
  tx: TenantTx,
  nodeId: string,
  nack: { readonly revision: number; readonly code: string; readonly message: string },
): Promise<void> {
  return record(tx, nodeId, { lastNack: { ...nack, at: new Date().toISOString() } });
}

export function recordHeartbeat(
  tx: TenantTx,
  nodeId: string,
  heartbeat: { readonly appliedRevision: number; readonly losses: NodeLosses },
): Promise<void> {
  return record(tx, nodeId, heartbeat);
}

async function record(tx: TenantTx, nodeId: string, report: NodeReport): Promise<void> {
  const live = await recordReports(
    tx,
    new Map([[nodeId, { ...report, heardAt: performance.now() }]]),
  );
  if (live.length !== 1) throw new Error('the node is revoked or gone');
}
