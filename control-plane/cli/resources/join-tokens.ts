import { printable } from '../output.js';
import { CREATED, CREATED_BY, ID, OF_CLUSTER } from './options.js';
import type { Option, Resource } from './resource.js';

const CLUSTER: Option = { ...OF_CLUSTER, required: true };

export const JOIN_TOKENS: Resource = {
  name: 'join-token',
  naming: undefined,
  columns: [
    ID,
    { title: 'CLUSTER', field: 'clusterId', of: 'cluster' },
    { title: 'USES', field: 'uses' },
    { title: 'OF', field: 'maxUses' },
    { title: 'EXPIRES', field: 'expiresAt', as: 'time' },
    { title: 'REVOKED', field: 'revokedAt', as: 'time' },
    { ...CREATED, wide: true },
    CREATED_BY,
  ],
  actions: [
    {
      name: 'list',
      about: 'list the join tokens of a cluster',
      method: 'GET',
      path: '/v1/clusters/:clusterId/join-tokens',
      isList: true,
      options: [CLUSTER],
    },
    {
      name: 'create',
      about: 'make a join token, and print the command for an agent',
      method: 'POST',
      path: '/v1/clusters/:clusterId/join-tokens',
      options: [
        { ...CLUSTER, about: 'that nodes join with it, by name or id' },
        {
          option: 'ttl',
          value: 'TIME',
          key: 'ttlMinutes',
          as: 'minutes',
          about: 'how long it is good for: 90m, 24h (default), 7d',
        },
        {
          option: 'max-uses',
          value: 'NUMBER',
          key: 'maxUses',
          as: 'integer',
          about: 'how many nodes may join with it (default 1)',
        },
      ],
      secrets: ['token', 'caPin'],
      after: ({ token, caPin }, server) => [
        '',
        'on the node, with the address of the port for agents:',
        '',
        `  sudo BULKHEAD_CONTROL_PLANE=${new URL(server).hostname}:8443 \\`,
        `    BULKHEAD_JOIN_TOKEN=${printable(String(token))} \\`,
        `    BULKHEAD_CA_PIN=${printable(String(caPin))} bulkhead-agent run`,
      ],
    },
    {
      name: 'revoke',
      about: 'revoke a join token',
      method: 'DELETE',
      path: '/v1/join-tokens/:tokenId',
      operand: { value: 'ID', key: 'tokenId', of: 'join-token' },
      confirm: 'Revoke join token',
    },
  ],
};
