import { CREATED, ID, NAME } from './options.js';
import type { Resource } from './resource.js';

export const TENANT: Resource = {
  name: 'tenant',
  naming: undefined,
  columns: [
    ID,
    NAME,
    { title: 'KEY', field: 'caller.name' },
    { title: 'ROLE', field: 'caller.role' },
    { ...CREATED, wide: true },
  ],
  actions: [
    { name: 'show', about: 'tell who you are there', method: 'GET', path: '/v1/tenant' },
    {
      name: 'quotas',
      about: 'list how many of each thing the tenant may have, and has',
      method: 'GET',
      path: '/v1/tenant/quotas',
      isWhole: true,
      columns: [
        { title: 'QUOTA', field: 'quota' },
        { title: 'LIMIT', field: 'limit' },
        { title: 'USED', field: 'used' },
      ],
    },
  ],
};
