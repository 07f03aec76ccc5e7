import { CREATED, CREATED_BY, ID, NAME, NEW_NAME } from './options.js';
import type { Resource } from './resource.js';

export const API_KEYS: Resource = {
  name: 'api-key',
  naming: undefined,
  columns: [
    ID,
    NAME,
    { title: 'ROLE', field: 'role' },
    { title: 'LAST USED', field: 'lastUsedAt', as: 'time' },
    { title: 'EXPIRES', field: 'expiresAt', as: 'time' },
    { title: 'REVOKED', field: 'revokedAt', as: 'time' },
    { ...CREATED, wide: true },
    CREATED_BY,
  ],
  actions: [
    {
      name: 'list',
      about: 'list API keys',
      method: 'GET',
      path: '/v1/api-keys',
      isList: true,
    },
    {
      name: 'create',
      about: 'make an API key, and print it',
      method: 'POST',
      path: '/v1/api-keys',
      operand: NEW_NAME,
      options: [
        {
          option: 'role',
          value: 'ROLE',
          key: 'role',
          words: [
            'owner',
            'admin',
            'policy-author',
            'policy-approver',
            'operator',
            'integration-admin',
            'viewer',
          ],
          about: 'what it may do: owner, admin, policy-author, policy-approver, operator, ...',
          required: true,
        },
        {
          option: 'expires',
          value: 'TIME',
          key: 'expiresAt',
          as: 'future',
          about: 'good until then: 2027-01-31T12:00:00Z, or for how long: 24h, 90d',
        },
      ],
      secrets: ['apiKey'],
    },
    {
      name: 'revoke',
      about: 'revoke an API key',
      method: 'DELETE',
      path: '/v1/api-keys/:keyId',
      operand: { value: 'ID', key: 'keyId', of: 'api-key' },
      confirm: 'Revoke API key',
    },
  ],
};
