import type { EcsDocument } from './ecs-document.js';

export interface DocumentedAlert {
  readonly id: string;
  readonly changeId: bigint;
  readonly groupKey: Buffer;
  readonly status: string;
  readonly title: string;
  readonly severity: string;
  readonly source: string;
  readonly policyId?: string;
  readonly policyVersion?: number;
  readonly ruleId?: string;
  readonly firstEventId: string;
  readonly lastEventId: string;
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
  readonly eventCount: number;
  /** An event of the alert, as ECS. */
  readonly document: EcsDocument;
}

/** The alert as it stands after a change: the event that it shows, with the alert's own fields over it. */
export function alertToEcs(alert: DocumentedAlert): EcsDocument {
  const { document } = alert;
  const ruleId = alert.policyId ?? alert.ruleId;
  return {
    ...document,
    '@timestamp': alert.lastSeenAt.toISOString(),
    message: alert.title,
    event: {
      ...objectOf(document.event),
      kind: 'alert',
      dataset: 'bulkhead.alerts',
      start: alert.firstSeenAt.toISOString(),
      end: alert.lastSeenAt.toISOString(),
    },
    rule: {
      name: alert.title,
      ...(ruleId !== undefined && { id: ruleId }),
      ...(alert.policyVersion !== undefined && { version: String(alert.policyVersion) }),
    },
    bulkhead: {
      ...objectOf(document.bulkhead),
      alert: {
        id: alert.id,
        change: String(alert.changeId),
        status: alert.status,
        severity: alert.severity,
        source: alert.source,
        title: alert.title,
        group_key: alert.groupKey.toString('hex'),
        first_event_id: alert.firstEventId,
        last_event_id: alert.lastEventId,
        first_seen: alert.firstSeenAt.toISOString(),
        last_seen: alert.lastSeenAt.toISOString(),
        event_count: alert.eventCount,
      },
    },
  };
}

function objectOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}
