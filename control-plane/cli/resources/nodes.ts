import { CLUSTER, NAME, NAME_PREFIX, OF_CLUSTER, WIDE_ID } from './options.js';
import type { Resource, Value } from './resource.js';

const NODE: Value = { value: 'NODE', key: 'nodeId', of: 'node' };

export const NODES: Resource = {
  name: 'node',
  naming: { list: '/v1/nodes', field: 'name', prefix: 'namePrefix', unique: false },
  columns: [
    NAME,
    CLUSTER,
    { title: 'STATE', field: 'state' },
    { title: 'REVISION', field: 'appliedRevision' },
    { title: 'LAST REFUSAL', field: 'lastNack.code' },
    { title: 'SEEN', field: 'lastSeenAt', as: 'time' },
    { title: 'AGENT', field: 'agentVersion', wide: true },
    { title: 'KERNEL', field: 'kernelRelease', wide: true },
    { title: 'HOOKS', field: 'hooks', as: 'hooks', wide: true },
    WIDE_ID,
  ],
  actions: [
    {
      name: 'list',
      about: 'list nodes',
      method: 'GET',
      path: '/v1/nodes',
      isList: true,
      options: [
        OF_CLUSTER,
        {
          option: 'state',
          value: 'STATE',
          key: 'state',
          words: ['joined', 'active', 'revoked'],
          about: 'in this state: joined, active or revoked',
        },
        NAME_PREFIX,
      ],
    },
    {
      name: 'get',
      about: 'show a node',
      method: 'GET',
      path: '/v1/nodes/:nodeId',
      operand: NODE,
    },
    {
      name: 'revoke',
      about: 'revoke a node: its certificate is worth nothing then',
      method: 'DELETE',
      path: '/v1/nodes/:nodeId',
      operand: NODE,
      confirm: 'Revoke node',
    },
  ],
};
