import { ALERTS } from './alerts.js';
import { API_KEYS } from './api-keys.js';
import { ASSIGNMENTS } from './assignments.js';
import { AUDIT_LOG } from './audit-log.js';
import { CLUSTERS } from './clusters.js';
import { EVENTS } from './events.js';
import { IDENTITY_PROVIDERS } from './identity-providers.js';
import { JOIN_TOKENS } from './join-tokens.js';
import { KUBERNETES_JOINS } from './kubernetes-joins.js';
import { MEMBERS } from './members.js';
import { NODES } from './nodes.js';
import { PLATFORM_TENANTS } from './platform-tenants.js';
import { POLICIES } from './policies.js';
import type { Resource, ResourceName } from './resource.js';
import { SESSIONS } from './sessions.js';
import { SETTINGS } from './settings.js';
import { TENANT } from './tenants.js';
import { WEBHOOKS } from './webhooks.js';

/** In the order of the help. */
export const RESOURCES: { readonly [Name in ResourceName]: Resource } = {
  tenant: TENANT,
  cluster: CLUSTERS,
  'join-token': JOIN_TOKENS,
  'kubernetes-join': KUBERNETES_JOINS,
  node: NODES,
  policy: POLICIES,
  assignment: ASSIGNMENTS,
  event: EVENTS,
  alert: ALERTS,
  webhook: WEBHOOKS,
  'api-key': API_KEYS,
  member: MEMBERS,
  session: SESSIONS,
  'identity-provider': IDENTITY_PROVIDERS,
  'platform-tenant': PLATFORM_TENANTS,
  settings: SETTINGS,
  audit: AUDIT_LOG,
};
