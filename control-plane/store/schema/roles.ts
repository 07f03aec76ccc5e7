/** What a person or an API key may be. Must match the checks in migrations/. */
export const ROLES = [
  'owner',
  'admin',
  'policy-author',
  'policy-approver',
  'operator',
  'integration-admin',
  'viewer',
] as const;
export type Role = (typeof ROLES)[number];
