import { SINCE, UNTIL } from './options.js';
import type { Resource } from './resource.js';

/** The export and its verification stand in cli/audit/. */
export const AUDIT_LOG: Resource = {
  name: 'audit',
  naming: undefined,
  columns: [
    { title: 'SEQUENCE', field: 'sequence' },
    { title: 'TIME', field: 'time' },
    { title: 'WHO', field: 'actorName' },
    { title: 'ACTION', field: 'action' },
    { title: 'TARGET', field: 'targetId' },
    { title: 'FROM', field: 'sourceAddress' },
    { title: 'REQUEST', field: 'requestId', wide: true },
    { title: 'HASH', field: 'hash', wide: true },
  ],
  actions: [
    {
      name: 'list',
      about: 'list who did what, newest first',
      method: 'GET',
      path: '/v1/audit-log',
      isList: true,
      options: [
        {
          option: 'action',
          value: 'ACTION',
          key: 'action',
          about: 'cluster.create, policy.add-version ...',
        },
        { option: 'actor', value: 'ID', key: 'actorId', about: 'by the key with this id' },
        {
          option: 'target-kind',
          value: 'KIND',
          key: 'targetKind',
          about: 'to things of this kind: cluster, policy ...',
        },
        { option: 'target', value: 'ID', key: 'targetId', about: 'to the thing with this id' },
        SINCE,
        UNTIL,
      ],
    },
  ],
};
