import type { Column, Option, Value } from './resource.js';

/** Options and columns that several resources have. */

export const OF_CLUSTER: Option = {
  option: 'cluster',
  value: 'CLUSTER',
  key: 'clusterId',
  of: 'cluster',
  about: 'of this cluster, by name or id',
};
export const OF_NODE: Option = {
  option: 'node',
  value: 'NODE',
  key: 'nodeId',
  of: 'node',
  about: 'of this node, by name or id',
};
export const OF_POLICY: Option = {
  option: 'policy',
  value: 'POLICY',
  key: 'policyId',
  of: 'policy',
  about: 'of this policy, by name or id',
};
export const NAME_PREFIX: Option = {
  option: 'name-prefix',
  value: 'TEXT',
  key: 'namePrefix',
  about: 'whose name begins so',
};
export const SORT: Option = {
  option: 'sort',
  value: 'ORDER',
  key: 'sort',
  words: ['name', '-name', 'createdAt', '-createdAt'],
  about: 'name (default) or createdAt, with - before it falling: --sort=-createdAt',
};
export const SINCE: Option = {
  option: 'since',
  value: 'TIME',
  key: 'since',
  as: 'past',
  about: 'from then on: 2026-01-31T12:00:00Z, or how long ago: 90m, 24h, 7d',
};
export const UNTIL: Option = {
  option: 'until',
  value: 'TIME',
  key: 'until',
  as: 'past',
  about: 'before then',
};
export const ROLE: Option = {
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
  about: 'viewer, operator, policy-author, policy-approver, ..., admin or owner',
};
export const LIMITED_TO: Option = {
  option: 'clusters',
  value: 'SELECTOR',
  key: 'clusters',
  about: 'only for clusters with these labels: env=prod,tier!=db; --clusters= is all',
  mayBeEmpty: true,
};
export const WITH_LABELS: Option = {
  option: 'labels',
  value: 'SELECTOR',
  key: 'labels',
  about: 'with these labels: env=prod,tier!=db,team in (a,b),!legacy',
};
export const NODE_LABELS: Option = {
  option: 'labels',
  value: 'LABELS',
  key: 'labels',
  as: 'labels',
  about: 'of the nodes that join so: env=prod,team=payments',
};
export const NEW_NAME: Value = { value: 'NAME', key: 'name' };

export const ID: Column = { title: 'ID', field: 'id' };
export const WIDE_ID: Column = { ...ID, wide: true };
export const NAME: Column = { title: 'NAME', field: 'name' };
export const CLUSTER: Column = { title: 'CLUSTER', field: 'clusterId', of: 'cluster' };
export const NODE: Column = { title: 'NODE', field: 'nodeId', of: 'node' };
export const LABELS: Column = { title: 'LABELS', field: 'labels', as: 'labels' };
export const CREATED: Column = { title: 'CREATED', field: 'createdAt', as: 'time' };
export const CREATED_BY: Column = { title: 'CREATED BY', field: 'createdBy', wide: true };
