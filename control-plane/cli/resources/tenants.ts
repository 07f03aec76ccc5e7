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
  actions: [{ name: 'show', about: 'tell who you are there', method: 'GET', path: '/v1/tenant' }],
};
