import { CREATED, NAME, NAME_PREFIX, NEW_NAME, WIDE_ID } from './options.js';
import type { Column, Resource, Value } from './resource.js';

const TENANT: Value = { value: 'TENANT', key: 'tenantId', of: 'platform-tenant' };

const QUOTA_COLUMNS: readonly Column[] = [
  { title: 'CLUSTERS', field: 'limits.clusters' },
  { title: 'NODES', field: 'limits.nodes' },
  { title: 'POLICIES', field: 'limits.policies' },
  { title: 'MEMBERS', field: 'limits.members' },
  { title: 'API KEYS', field: 'limits.apiKeys', wide: true },
  { title: 'WEBHOOKS', field: 'limits.webhooks', wide: true },
  { title: 'REVISION', field: 'revision', wide: true },
];

/** For a platform key only. */
export const PLATFORM_TENANTS: Resource = {
  name: 'platform-tenant',
  naming: { list: '/v1/platform/tenants', field: 'name', prefix: 'namePrefix', unique: true },
  columns: [NAME, { title: 'SUSPENDED', field: 'suspendedAt', as: 'time' }, CREATED, WIDE_ID],
  actions: [
    {
      name: 'list',
      about: 'list tenants, with a platform key',
      method: 'GET',
      path: '/v1/platform/tenants',
      isList: true,
      options: [NAME_PREFIX],
    },
    {
      name: 'get',
      about: 'show a tenant',
      method: 'GET',
      path: '/v1/platform/tenants/:tenantId',
      operand: TENANT,
    },
    {
      name: 'create',
      about: 'make a tenant with its first owner, or else print a key of one',
      method: 'POST',
      path: '/v1/platform/tenants',
      operand: NEW_NAME,
      options: [
        {
          option: 'owner-email',
          value: 'EMAIL',
          key: 'owner.email',
          about: 'who owns it; without it an API key does',
        },
        {
          option: 'owner-name',
          value: 'NAME',
          key: 'owner.displayName',
          about: 'as others see the owner',
        },
      ],
      secrets: ['apiKey'],
    },
    {
      name: 'edit',
      about: 'rename or suspend a tenant',
      method: 'PATCH',
      path: '/v1/platform/tenants/:tenantId',
      ifMatch: true,
      operand: TENANT,
      options: [
        { option: 'name', value: 'NAME', key: 'name', about: 'its new name' },
        {
          option: 'suspended',
          value: 'true|false',
          key: 'suspended',
          as: 'boolean',
          about: 'whether its keys, members and joins are refused',
        },
      ],
    },
    {
      name: 'quotas',
      about: 'show how many of each thing a tenant may have',
      method: 'GET',
      path: '/v1/platform/tenants/:tenantId/quotas',
      operand: TENANT,
      columns: QUOTA_COLUMNS,
    },
    {
      name: 'set-quotas',
      about: 'change how many of each thing a tenant may have',
      method: 'PATCH',
      path: '/v1/platform/tenants/:tenantId/quotas',
      ifMatch: true,
      operand: TENANT,
      options: [
        {
          option: 'limits',
          value: 'FILE',
          key: 'limits',
          as: 'document',
          required: true,
          about: 'such as "{clusters: 100, nodes: null}"; null is the standard one',
        },
      ],
      columns: QUOTA_COLUMNS,
    },
  ],
};
