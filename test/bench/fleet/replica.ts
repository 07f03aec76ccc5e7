import { type ControlPlaneProcess, startControlPlane } from '../../support/control-plane.js';

export const MIB = 1024 * 1024;

/** Of one process, as it says itself. */
export interface Sample {
  readonly at: number;
  readonly rssBytes: number;
  readonly cpuSeconds: number;
  readonly connectedNodes: number;
}

export interface Start {
  readonly replica: ControlPlaneProcess;
  /** From the start of the process until it was ready. */
  readonly readyMs: number;
}

/** All agents and clients have one address here, and ask without a pause. */
const NO_LIMITS = Object.fromEntries(
  ['CALLER', 'TENANT', 'TENANT_JOINS', 'ADDRESS_JOINS', 'EVENT_BATCHES'].map((name) => [
    `BULKHEAD_RATE_${name}`,
    '1000000',
  ]),
);

export async function startReplica(databaseUrl: string, roles: string): Promise<Start> {
  const startedAt = performance.now();
  const settings = { BULKHEAD_LOG_LEVEL: 'info', ...NO_LIMITS };
  const replica = await startControlPlane(databaseUrl, settings, [`--role=${roles}`]);
  return { replica, readyMs: performance.now() - startedAt };
}

export async function sample({ operationsUrl }: ControlPlaneProcess): Promise<Sample> {
  const text = await (await fetch(`${operationsUrl}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
  return {
    at: performance.now(),
    rssBytes: value('process_resident_memory_bytes'),
    cpuSeconds: value('process_cpu_seconds_total'),
    connectedNodes: value('bulkhead_connected_nodes'),
  };
}
