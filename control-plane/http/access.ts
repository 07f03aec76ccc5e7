import { isWithin, type LabelSelector } from '../domain/label-selector.js';
import type { Role } from '../store/api-keys.js';

/**
 * Who may call what: the only list. A route that is not in it cannot be registered, and what a role
 * does not hold it may not do.
 *
 * Beside each permission, how far it reaches. `cluster`: a caller who is limited to clusters may use it
 * too; the database shows them what belongs to those, and what tells nothing of others. `tenant`: only
 * a caller who is not limited. `platform`: no caller of a tenant, only who stands above tenants.
 */
export const PERMISSION_SCOPES = {
  'tenant:read': 'cluster',
  'clusters:read': 'cluster',
  'clusters:write': 'cluster',
  'join-tokens:read': 'cluster',
  'join-tokens:write': 'cluster',
  'nodes:read': 'cluster',
  'nodes:write': 'cluster',
  'policies:read': 'cluster',
  'policies:write': 'cluster',
  'assignments:read': 'cluster',
  'assignments:write': 'cluster',
  'events:read': 'cluster',
  'alerts:read': 'cluster',
  'alerts:write': 'cluster',
  'webhooks:read': 'cluster',
  'webhooks:write': 'tenant',
  'members:read': 'tenant',
  'members:write': 'tenant',
  'api-keys:read': 'tenant',
  'api-keys:write': 'tenant',
  'audit-log:read': 'tenant',
  'settings:read': 'cluster',
  'settings:write': 'tenant',
  /** While a freeze window is open, of whatever they may change. */
  'freeze:override': 'cluster',
  'identity-providers:read': 'tenant',
  'identity-providers:write': 'tenant',
  'sessions:read': 'cluster',
  'sessions:write': 'cluster',
  'tenants:read': 'platform',
  'tenants:write': 'platform',
} as const;
export type Permission = keyof typeof PERMISSION_SCOPES;
export type PermissionScope = (typeof PERMISSION_SCOPES)[Permission];

export const PERMISSIONS = Object.keys(PERMISSION_SCOPES) as readonly Permission[];
const OF_TENANTS = PERMISSIONS.filter((known) => PERMISSION_SCOPES[known] !== 'platform');

/** 'anyone': no key is asked for. 'session': whoever came with a session, whatever their role. */
export type Access = Permission | 'anyone' | 'session';

export const ROUTE_ACCESS: Readonly<Record<string, Access>> = {
  'GET /livez': 'anyone',
  'GET /readyz': 'anyone',
  'GET /schemas/policy.json': 'anyone',
  'GET /openapi.json': 'anyone',
  'GET /': 'anyone',
  'GET /auth/login': 'anyone',
  'GET /auth/callback/:providerId': 'anyone',
  'GET /auth/link': 'anyone',
  'GET /auth/link.js': 'anyone',
  'POST /auth/link': 'anyone',
  'GET /auth/session': 'session',
  'POST /auth/logout': 'session',
  'GET /v1/tenant': 'tenant:read',
  'GET /v1/tenant/quotas': 'tenant:read',
  // And of each topic the permission to read it: see live-topics.ts.
  'GET /v1/live': 'tenant:read',
  'GET /v1/identity-providers': 'identity-providers:read',
  'POST /v1/identity-providers': 'identity-providers:write',
  'GET /v1/identity-providers/:providerId': 'identity-providers:read',
  'PATCH /v1/identity-providers/:providerId': 'identity-providers:write',
  'DELETE /v1/identity-providers/:providerId': 'identity-providers:write',
  'GET /v1/sessions': 'sessions:read',
  'DELETE /v1/sessions/:sessionId': 'sessions:write',
  'GET /v1/clusters': 'clusters:read',
  'POST /v1/clusters': 'clusters:write',
  'GET /v1/clusters/:clusterId': 'clusters:read',
  'PATCH /v1/clusters/:clusterId': 'clusters:write',
  'DELETE /v1/clusters/:clusterId': 'clusters:write',
  'GET /v1/clusters/:clusterId/kubernetes-join': 'join-tokens:read',
  'PUT /v1/clusters/:clusterId/kubernetes-join': 'join-tokens:write',
  'DELETE /v1/clusters/:clusterId/kubernetes-join': 'join-tokens:write',
  'GET /v1/clusters/:clusterId/policies': 'policies:read',
  'GET /v1/clusters/:clusterId/join-tokens': 'join-tokens:read',
  'POST /v1/clusters/:clusterId/join-tokens': 'join-tokens:write',
  'GET /v1/join-tokens': 'join-tokens:read',
  'DELETE /v1/join-tokens/:tokenId': 'join-tokens:write',
  'GET /v1/nodes': 'nodes:read',
  'GET /v1/nodes/:nodeId': 'nodes:read',
  'DELETE /v1/nodes/:nodeId': 'nodes:write',
  'POST /v1/nodes/:nodeId/release': 'nodes:write',
  'GET /v1/policies': 'policies:read',
  'POST /v1/policies': 'policies:write',
  'POST /v1/policies/validate': 'policies:read',
  'GET /v1/policies/:policyId': 'policies:read',
  'DELETE /v1/policies/:policyId': 'policies:write',
  'GET /v1/policies/:policyId/diff': 'policies:read',
  'GET /v1/policies/:policyId/draft': 'policies:read',
  'PUT /v1/policies/:policyId/draft': 'policies:write',
  'DELETE /v1/policies/:policyId/draft': 'policies:write',
  'POST /v1/policies/:policyId/draft/publish': 'policies:write',
  'GET /v1/policies/:policyId/versions': 'policies:read',
  'POST /v1/policies/:policyId/versions': 'policies:write',
  'GET /v1/policies/:policyId/versions/:version': 'policies:read',
  'GET /v1/assignments': 'assignments:read',
  'POST /v1/assignments': 'assignments:write',
  'GET /v1/assignments/:assignmentId': 'assignments:read',
  'PATCH /v1/assignments/:assignmentId': 'assignments:write',
  'DELETE /v1/assignments/:assignmentId': 'assignments:write',
  'GET /v1/events': 'events:read',
  'GET /v1/alerts': 'alerts:read',
  'GET /v1/alerts/:alertId': 'alerts:read',
  'PATCH /v1/alerts/:alertId': 'alerts:write',
  'GET /v1/webhooks': 'webhooks:read',
  'POST /v1/webhooks': 'webhooks:write',
  'GET /v1/webhooks/:webhookId': 'webhooks:read',
  'PATCH /v1/webhooks/:webhookId': 'webhooks:write',
  'DELETE /v1/webhooks/:webhookId': 'webhooks:write',
  'GET /v1/webhooks/:webhookId/deliveries': 'webhooks:read',
  'GET /v1/audit-log': 'audit-log:read',
  'GET /v1/audit-log/export': 'audit-log:read',
  'GET /v1/audit-log/verification': 'audit-log:read',
  'GET /v1/settings': 'settings:read',
  'PATCH /v1/settings': 'settings:write',
  'GET /v1/members': 'members:read',
  'POST /v1/members': 'members:write',
  'GET /v1/members/:memberId': 'members:read',
  'PATCH /v1/members/:memberId': 'members:write',
  'DELETE /v1/members/:memberId': 'members:write',
  'POST /v1/members/:memberId/login-links': 'members:write',
  'GET /v1/api-keys': 'api-keys:read',
  'POST /v1/api-keys': 'api-keys:write',
  'DELETE /v1/api-keys/:keyId': 'api-keys:write',
  'GET /v1/platform/tenants': 'tenants:read',
  'POST /v1/platform/tenants': 'tenants:write',
  'GET /v1/platform/tenants/:tenantId': 'tenants:read',
  'PATCH /v1/platform/tenants/:tenantId': 'tenants:write',
  'GET /v1/platform/tenants/:tenantId/quotas': 'tenants:read',
  'PATCH /v1/platform/tenants/:tenantId/quotas': 'tenants:write',
};

/** What everybody of a tenant may look at. A webhook's address can be a secret, so it is not among it. */
const READ: readonly Permission[] = [
  'tenant:read',
  'clusters:read',
  'nodes:read',
  'policies:read',
  'assignments:read',
  'events:read',
  'alerts:read',
  'settings:read',
  // Of their own; those of others ask for members:read and members:write.
  'sessions:read',
  'sessions:write',
];

export const ROLE_PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  owner: OF_TENANTS,
  admin: OF_TENANTS,
  'policy-author': [...READ, 'policies:write'],
  'policy-approver': [...READ, 'assignments:write'],
  operator: [
    ...READ,
    'clusters:write',
    'join-tokens:read',
    'join-tokens:write',
    'nodes:write',
    'alerts:write',
  ],
  'integration-admin': [...READ, 'webhooks:read', 'webhooks:write'],
  viewer: READ,
};

/** The page over the OpenAPI document, and its files. */
export const DOCS_PREFIX = '/docs';

export function accessOf(method: string, route: string): Access | undefined {
  if (isDocs(method, route)) return 'anyone';
  const key = `${method} ${route}`;
  return Object.hasOwn(ROUTE_ACCESS, key) ? ROUTE_ACCESS[key] : undefined;
}

function isDocs(method: string, route: string): boolean {
  const reads = method === 'GET' || method === 'HEAD';
  return reads && (route === DOCS_PREFIX || route.startsWith(`${DOCS_PREFIX}/`));
}

export function mayRole(role: Role, permission: Permission): boolean {
  return ROLE_PERMISSIONS[role].includes(permission);
}

/** What an API key or a member may do, and where. */
export interface Grant {
  readonly role: Role;
  /** Absent: in every cluster. */
  readonly clusters?: LabelSelector | undefined;
}

/**
 * Nobody hands out more than they hold, nor more clusters than are theirs, and only an owner makes,
 * changes or revokes owners.
 */
export function mayGrant(granter: Grant, granted: Grant): boolean {
  if (granter.clusters && !(granted.clusters && isWithin(granted.clusters, granter.clusters))) {
    return false;
  }
  if (granted.role === 'owner') return granter.role === 'owner';
  return ROLE_PERMISSIONS[granted.role].every((permission) => mayRole(granter.role, permission));
}
