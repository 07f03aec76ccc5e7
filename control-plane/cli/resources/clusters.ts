import {
  CREATED,
  LABELS,
  NAME,
  NAME_PREFIX,
  NEW_NAME,
  SORT,
  WIDE_ID,
  WITH_LABELS,
} from './options.js';
import type { Option, Resource, Value } from './resource.js';

const CLUSTER: Value = { value: 'CLUSTER', key: 'clusterId', of: 'cluster' };
const ITS_LABELS: Option = {
  option: 'labels',
  value: 'LABELS',
  key: 'labels',
  as: 'labels',
  about: 'all of its labels: env=prod,team=payments; --labels= is none',
  mayBeEmpty: true,
};

export const CLUSTERS: Resource = {
  name: 'cluster',
  naming: { list: '/v1/clusters', field: 'name', prefix: 'namePrefix', unique: true },
  columns: [
    NAME,
    { title: 'HEALTH', field: 'status.health' },
    { title: 'NODES', field: 'status.nodes.total' },
    LABELS,
    CREATED,
    { title: 'SILENT', field: 'status.nodes.silent', wide: true },
    { title: 'BEHIND', field: 'status.nodes.behind', wide: true },
    { title: 'REFUSING', field: 'status.nodes.refusing', wide: true },
    { title: 'LOSING', field: 'status.nodes.losing', wide: true },
    { title: 'QUARANTINED', field: 'status.nodes.quarantined', wide: true },
    { title: 'KUBERNETES', field: 'status.kubernetesVersion', wide: true },
    WIDE_ID,
  ],
  actions: [
    {
      name: 'list',
      about: 'list clusters',
      method: 'GET',
      path: '/v1/clusters',
      isList: true,
      options: [WITH_LABELS, NAME_PREFIX, SORT],
    },
    {
      name: 'get',
      about: 'show a cluster',
      method: 'GET',
      path: '/v1/clusters/:clusterId',
      operand: CLUSTER,
    },
    {
      name: 'policies',
      about: 'list what a cluster is to run',
      method: 'GET',
      path: '/v1/clusters/:clusterId/policies',
      isList: true,
      operand: CLUSTER,
      columns: [
        NAME,
        { title: 'VERSION', field: 'version' },
        { title: 'MODE', field: 'mode' },
        { title: 'BY', field: 'assignmentId', of: 'assignment' },
      ],
    },
    {
      name: 'create',
      about: 'make a cluster',
      method: 'POST',
      path: '/v1/clusters',
      operand: NEW_NAME,
      options: [ITS_LABELS],
    },
    {
      name: 'edit',
      about: 'change the name or the labels of a cluster',
      method: 'PATCH',
      mayBeFrozen: true,
      path: '/v1/clusters/:clusterId',
      ifMatch: true,
      operand: CLUSTER,
      options: [{ option: 'name', value: 'NAME', key: 'name', about: 'its new name' }, ITS_LABELS],
    },
    {
      name: 'delete',
      about: 'remove a cluster, and revoke its nodes and join tokens',
      method: 'DELETE',
      mayBeFrozen: true,
      path: '/v1/clusters/:clusterId',
      operand: CLUSTER,
      confirm: 'Delete cluster, its nodes and join tokens:',
    },
  ],
};
