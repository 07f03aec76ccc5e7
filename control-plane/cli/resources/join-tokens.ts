import { printable } from '../output.js';
import { CREATED, CREATED_BY, ID, LABELS, NODE_LABELS, OF_CLUSTER } from './options.js';
import type { Resource } from './resource.js';

export const JOIN_TOKENS: Resource = {
  name: 'join-token',
  naming: undefined,
  columns: [
    ID,
    { title: 'CLUSTER', field: 'clusterId', of: 'cluster' },
    { title: 'STATE', field: 'state' },
    { title: 'USES', field: 'uses' },
    { title: 'OF', field: 'maxUses' },
    { title: 'EXPIRES', field: 'expiresAt', as: 'time' },
    { title: 'USED', field: 'lastUsedAt', as: 'time' },
    { ...LABELS, wide: true },
    { title: 'REVOKED', field: 'revokedAt', as: 'time', wide: true },
    { ...CREATED, wide: true },
    CREATED_BY,
  ],
  actions: [
    {
      name: 'list',
      about: 'list join tokens, newest first',
      method: 'GET',
      path: '/v1/join-tokens',
      isList: true,
      options: [
        OF_CLUSTER,
        {
          option: 'state',
          value: 'STATE',
          key: 'state',
          words: ['usable', 'used', 'expired', 'revoked'],
          about: 'in this state: usable, used, expired or revoked',
        },
      ],
    },
    {
      name: 'create',
      about: 'make a join token, and print the command for an agent',
      method: 'POST',
      path: '/v1/clusters/:clusterId/join-tokens',
      options: [
        { ...OF_CLUSTER, required: true, about: 'that nodes join with it, by name or id' },
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
        NODE_LABELS,
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
      about: 'revoke a join token, or the nodes that it let in too',
      method: 'DELETE',
      path: '/v1/join-tokens/:tokenId',
      operand: { value: 'ID', key: 'tokenId', of: 'join-token' },
      options: [
        {
          option: 'revoke-nodes',
          value: 'true|false',
          key: 'revokeNodes',
          words: ['true', 'false'],
          about: 'whether the nodes that joined with it are revoked too (default false)',
        },
      ],
      confirm: 'Revoke join token',
    },
  ],
};
