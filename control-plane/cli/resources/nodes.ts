import { CLUSTER, LABELS, NAME, NAME_PREFIX, OF_CLUSTER, WIDE_ID, WITH_LABELS } from './options.js';
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
    { ...LABELS, wide: true },
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
          words: ['joined', 'active', 'quarantined', 'released', 'revoked'],
          about: 'in this state: joined, active, quarantined, released or revoked',
        },
        WITH_LABELS,
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
    {
      name: 'release',
      about: 'let a node join again that is in quarantine, or was revoked',
      method: 'POST',
      path: '/v1/nodes/:nodeId/release',
      operand: NODE,
      confirm: 'Release node',
    },
  ],
};
