import { CREATED, CREATED_BY, NAME, NAME_PREFIX, SORT, WIDE_ID } from './options.js';
import type { Resource, Value } from './resource.js';

const POLICY: Value = { value: 'POLICY', key: 'policyId', of: 'policy' };

/** What takes or prints documents stands in cli/policy/. */
export const POLICIES: Resource = {
  name: 'policy',
  naming: { list: '/v1/policies', field: 'name', prefix: 'namePrefix', unique: true },
  columns: [NAME, { title: 'VERSION', field: 'latestVersion' }, CREATED, CREATED_BY, WIDE_ID],
  actions: [
    {
      name: 'list',
      about: 'list policies',
      method: 'GET',
      path: '/v1/policies',
      isList: true,
      options: [NAME_PREFIX, SORT],
    },
    {
      name: 'get',
      about: 'show a policy',
      method: 'GET',
      path: '/v1/policies/:policyId',
      operand: POLICY,
    },
    {
      name: 'archive',
      about: 'archive a policy that no assignment uses, for good',
      method: 'DELETE',
      path: '/v1/policies/:policyId',
      operand: POLICY,
      confirm: 'Archive policy',
    },
    {
      name: 'versions',
      about: 'list the versions of a policy',
      method: 'GET',
      path: '/v1/policies/:policyId/versions',
      isList: true,
      operand: POLICY,
      columns: [
        { title: 'VERSION', field: 'version' },
        CREATED,
        { title: 'CREATED BY', field: 'createdBy' },
        { title: 'SHA256', field: 'sha256', wide: true },
      ],
    },
  ],
};
