import { createHash } from 'node:crypto';
import type { ResponseRef__Output } from '../../proto/ts/gen/bulkhead/v1/ResponseRef.js';
import { ACTION_BITS } from '../../proto/ts/policy/model.js';
import { alertTitle } from './alert-title.js';
import type { BatchOrigin, DecodedEvent, VerdictName } from './ecs.js';
import type { EcsDocument } from './ecs-document.js';

export type Severity = 'low' | 'medium' | 'high' | 'critical';

/** One event seen by one response that asks for an alert. Findings of one group become one alert. */
export interface Finding {
  readonly groupKey: Buffer;
  readonly title: string;
  readonly severity: Severity;
  readonly policyId: string;
  readonly policyVersion: number;
  readonly policyResponse: number;
  readonly eventId: string;
  readonly seenAt: Date;
  readonly verdict: VerdictName;
  readonly document: EcsDocument;
}

/** The findings of an event: one for each response that fired with the action alert. */
export function findingsFromEvent(event: DecodedEvent, origin: BatchOrigin): Finding[] {
  return event.fired
    .filter((response) => response.actions & ACTION_BITS.alert)
    .map((response) => ({
      groupKey: groupKeyOf(event, response, origin),
      title: alertTitle(event, response.policyName),
      severity: response.actions & ACTION_BITS.block ? 'high' : 'medium',
      policyId: response.policyId,
      policyVersion: response.policyVersion,
      policyResponse: response.response,
      eventId: event.id,
      seenAt: event.time,
      verdict: event.verdict,
      document: event.document,
    }));
}

/**
 * What makes two findings the same alert: policy response, workload, image, executable and, of a load
 * or a file event, the file. The version of the policy and the pod are left out: a rollout or a restart
 * opens no second alert. So are the operations: a file that is made, then changed, is one matter.
 */
function groupKeyOf(
  event: DecodedEvent,
  response: ResponseRef__Output,
  origin: BatchOrigin,
): Buffer {
  const { container } = event;
  const parts = [
    response.policyId,
    response.section,
    String(response.response),
    origin.clusterId,
    container?.podNamespace ?? '',
    container?.name ?? '',
    container?.imageFullName ?? '',
    container?.imageDigest ?? '',
    event.kind,
    event.executable,
    ...(event.file ? [event.file.path] : []),
  ];
  return createHash('sha256').update(parts.join('\0')).digest();
}
