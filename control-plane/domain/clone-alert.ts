import { createHash } from 'node:crypto';
import type { EcsDocument } from './ecs-document.js';

/** A call with a certificate that cannot be the node's own any more. */
export interface CloneSighting {
  readonly node: { readonly id: string; readonly name: string };
  readonly cluster: { readonly id: string; readonly name: string };
  readonly tenantId: string;
  /** See node-certificates.ts. */
  readonly joinNumber: number;
  /** What it showed, lower-case hexadecimal. */
  readonly serial: string;
  /** Where from, as far as it is known. */
  readonly address: string | undefined;
}

/** The rule of the alerts that the edge raises itself. */
export const CLONE_RULE = 'node-certificate-cloned';

/** One alert for each quarantine: a node that is released has joined again before the next. */
export function cloneAlert(sighting: CloneSighting, now: Date) {
  const { node, cluster, joinNumber, serial } = sighting;
  const groupKey = createHash('sha256')
    .update([CLONE_RULE, node.id, String(joinNumber)].join('\0'))
    .digest();
  const eventId = `${CLONE_RULE}-${serial}`;
  const title = `node ${node.name}: a certificate of it is held twice, both are shut out`;
  return {
    groupKey,
    title,
    severity: 'critical',
    source: 'rule',
    ruleId: CLONE_RULE,
    clusterId: cluster.id,
    nodeId: node.id,
    firstEventId: eventId,
    lastEventId: eventId,
    firstSeenAt: now,
    lastSeenAt: now,
    eventCount: 1,
    verdict: 'denied',
    document: documentOf(sighting, eventId, title, now),
  } as const;
}

function documentOf(
  { node, cluster, tenantId, serial, address }: CloneSighting,
  id: string,
  message: string,
  now: Date,
): EcsDocument {
  return {
    '@timestamp': now.toISOString(),
    message,
    event: {
      id,
      kind: 'alert',
      category: ['intrusion_detection'],
      type: ['denied'],
      action: 'node-quarantined',
      outcome: 'failure',
      module: 'bulkhead',
      dataset: 'bulkhead.events',
      created: now.toISOString(),
    },
    host: { id: node.id, name: node.name },
    organization: { id: tenantId },
    orchestrator: { type: 'kubernetes', cluster },
    ...(address !== undefined && { source: { address } }),
    tls: { client: { x509: { serial_number: serial.toUpperCase() } } },
    bulkhead: { verdict: 'denied' },
  };
}
