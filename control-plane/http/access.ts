import type { Role } from '../store/api-keys.js';

/**
 * Who may call what: the only list. A route that is not in it cannot be registered, and what a role
 * does not hold it may not do.
 */
export const PERMISSIONS = [
  'tenant:read',
  'clusters:read',
  'clusters:write',
  'join-tokens:read',
  'join-tokens:write',
  'nodes:read',
  'nodes:write',
  'policies:read',
  'policies:write',
  'policies:publish',
  'events:read',
  'alerts:read',
  'alerts:write',
  'webhooks:read',
  'webhooks:write',
  'api-keys:read',
  'api-keys:write',
  'audit-log:read',
  'settings:read',
  'settings:write',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** 'anyone': no key is asked for. */
export const ROUTE_ACCESS: Readonly<Record<string, Permission | 'anyone'>> = {
  'GET /livez': 'anyone',
  'GET /readyz': 'anyone',
  'GET /schemas/policy.json': 'anyone',
  'GET /openapi.json': 'anyone',
  'GET /v1/tenant': 'tenant:read',
  'GET /v1/clusters': 'clusters:read',
  'POST /v1/clusters': 'clusters:write',
  'GET /v1/clusters/:clusterId': 'clusters:read',
  'PATCH /v1/clusters/:clusterId': 'clusters:write',
  'GET /v1/clusters/:clusterId/join-tokens': 'join-tokens:read',
  'POST /v1/clusters/:clusterId/join-tokens': 'join-tokens:write',
  'DELETE /v1/join-tokens/:tokenId': 'join-tokens:write',
  'GET /v1/nodes': 'nodes:read',
  'GET /v1/nodes/:nodeId': 'nodes:read',
  'DELETE /v1/nodes/:nodeId': 'nodes:write',
  'GET /v1/policies': 'policies:read',
  'POST /v1/policies': 'policies:write',
  'POST /v1/policies/validate': 'policies:read',
  'GET /v1/policies/:policyId': 'policies:read',
  'GET /v1/policies/:policyId/versions': 'policies:read',
  'POST /v1/policies/:policyId/versions': 'policies:write',
  'GET /v1/policies/:policyId/versions/:version': 'policies:read',
  'POST /v1/policies/:policyId/publish': 'policies:publish',
  'DELETE /v1/policies/:policyId/publish': 'policies:publish',
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
  'GET /v1/api-keys': 'api-keys:read',
  'POST /v1/api-keys': 'api-keys:write',
  'DELETE /v1/api-keys/:keyId': 'api-keys:write',
};

/** What everybody of a tenant may look at. A webhook's address can be a secret, so it is not among it. */
const READ: readonly Permission[] = [
  'tenant:read',
  'clusters:read',
  'nodes:read',
  'policies:read',
  'events:read',
  'alerts:read',
  'settings:read',
];

export const ROLE_PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  owner: PERMISSIONS,
  admin: PERMISSIONS,
  'policy-author': [...READ, 'policies:write'],
  'policy-approver': [...READ, 'policies:publish'],
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

export function accessOf(method: string, route: string): Permission | 'anyone' | undefined {
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

/** Nobody hands out more than they hold, and only an owner makes or revokes the keys of owners. */
export function mayGrant(granter: Role, granted: Role): boolean {
  if (granted === 'owner') return granter === 'owner';
  return ROLE_PERMISSIONS[granted].every((permission) => mayRole(granter, permission));
}
