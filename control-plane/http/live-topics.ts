import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { mayRole, PERMISSION_SCOPES, type Permission } from './access.js';
import type { Caller } from './caller.js';

interface LiveTopic {
  /** `alert` of `alert.updated`. */
  readonly noun: string;
  /** Who may read the thing may hear of it. */
  readonly permission: Permission;
}

/** What can be watched. A trigger writes the changes of each: see store/schema/changes.ts. */
export const LIVE_TOPICS: Readonly<Record<string, LiveTopic>> = {
  nodes: { noun: 'node', permission: 'nodes:read' },
  alerts: { noun: 'alert', permission: 'alerts:read' },
  clusters: { noun: 'cluster', permission: 'clusters:read' },
  policies: { noun: 'policy', permission: 'policies:read' },
  assignments: { noun: 'assignment', permission: 'assignments:read' },
};

/** @throws BulkheadError INVALID_ARGUMENT, PERMISSION_DENIED; both name the topic */
export function topicsFromText(text: string, caller: Caller): ReadonlySet<string> {
  const topics = new Set(text.split(','));
  for (const name of topics) {
    const topic = Object.hasOwn(LIVE_TOPICS, name) ? LIVE_TOPICS[name] : undefined;
    if (!topic) {
      const known = Object.keys(LIVE_TOPICS).join(', ');
      throw new BulkheadError('INVALID_ARGUMENT', `topics: ${name} is none of ${known}`);
    }
    const isOfClusters = PERMISSION_SCOPES[topic.permission] === 'cluster';
    if (!mayRole(caller.role, topic.permission) || (caller.clusters && !isOfClusters)) {
      throw new BulkheadError('PERMISSION_DENIED', `topics: the caller may not read ${name}`);
    }
  }
  return topics;
}
