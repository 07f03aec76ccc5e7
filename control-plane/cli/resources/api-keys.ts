import {
  CREATED,
  CREATED_BY,
  ID,
  LIMITED_TO,
  NAME,
  NAME_PREFIX,
  NEW_NAME,
  ROLE,
} from './options.js';
import type { Resource } from './resource.js';

export const API_KEYS: Resource = {
  name: 'api-key',
  naming: undefined,
  columns: [
    ID,
    NAME,
    { title: 'ROLE', field: 'role' },
    { title: 'CLUSTERS', field: 'clusters' },
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
      options: [ROLE, NAME_PREFIX],
    },
    {
      name: 'create',
      about: 'make an API key, and print it',
      method: 'POST',
      path: '/v1/api-keys',
      operand: NEW_NAME,
      options: [
        { ...ROLE, required: true },
        LIMITED_TO,
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
