/** What a webhook receives: Standard Webhooks' shape (type, timestamp, data). */
export interface AlertNotification {
  readonly type: 'alert.created';
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface NotifiableAlert {
  readonly id: string;
  readonly title: string;
  readonly severity: string;
  readonly status: string;
  readonly source: string;
  readonly verdict: string;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly firstSeenAt: Date;
  readonly eventCount: number;
  readonly document: Readonly<Record<string, unknown>>;
}

export function alertNotification(alert: NotifiableAlert, now: Date): AlertNotification {
  return {
    type: 'alert.created',
    timestamp: now.toISOString(),
    data: {
      id: alert.id,
      title: alert.title,
      severity: alert.severity,
      status: alert.status,
      source: alert.source,
      verdict: alert.verdict,
      clusterId: alert.clusterId,
      nodeId: alert.nodeId,
      firstSeenAt: alert.firstSeenAt.toISOString(),
      eventCount: alert.eventCount,
      /** The first event, as an ECS document. */
      event: alert.document,
    },
  };
}
