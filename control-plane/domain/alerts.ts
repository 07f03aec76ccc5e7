import { createHash } from 'node:crypto';
import type { ResponseRef__Output } from '../../proto/ts/gen/bulkhead/v1/ResponseRef.js';
import { ACTION_BITS } from '../../proto/ts/policy/model.js';
import type { BatchOrigin, DecodedEvent, EcsDocument, VerdictName } from './ecs.js';

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

const VERDICT_WORDS: Readonly<Record<VerdictName, string>> = {
  allowed: 'ran',
  denied: 'was denied',
  killed: 'was killed before it ran',
  would_block: 'ran, and would be denied when enforced',
  undecided: 'ran, undecided',
};

/** The findings of an event: one for each response that fired with the action alert. */
export function findingsFromEvent(event: DecodedEvent, origin: BatchOrigin): Finding[] {
  return event.fired
    .filter((response) => response.actions & ACTION_BITS.alert)
    .map((response) => ({
      groupKey: groupKeyOf(event, response, origin),
      title: titleOf(event, response),
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

function titleOf(event: DecodedEvent, response: ResponseRef__Output): string {
  const where = event.container?.podName || event.container?.name || 'an unknown container';
  const what = event.executable || 'an executable';
  return `${response.policyName}: ${what} ${VERDICT_WORDS[event.verdict]} in ${where}`;
}

/**
 * What makes two findings the same alert: policy response, workload, executable and image. The
 * version of the policy and the pod are left out: a rollout or a restart opens no second alert.
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
  ];
  return createHash('sha256').update(parts.join('\0')).digest();
}
