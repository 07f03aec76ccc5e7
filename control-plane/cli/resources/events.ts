import { CLUSTER, ID, NODE, OF_CLUSTER, OF_NODE, SINCE, UNTIL } from './options.js';
import type { Resource } from './resource.js';

export const EVENTS: Resource = {
  name: 'event',
  naming: undefined,
  columns: [
    { title: 'TIME', field: 'time' },
    { title: 'KIND', field: 'kind' },
    { title: 'VERDICT', field: 'verdict' },
    CLUSTER,
    NODE,
    { title: 'EXECUTABLE', field: 'document.process.executable' },
    { title: 'CONTAINER', field: 'containerId', wide: true },
    { ...ID, wide: true },
  ],
  actions: [
    {
      name: 'list',
      about: 'list events, newest first',
      method: 'GET',
      path: '/v1/events',
      isList: true,
      options: [
        {
          option: 'kind',
          value: 'KIND',
          key: 'kind',
          words: ['fork', 'exec', 'exit', 'load', 'file', 'session'],
          about: 'fork, exec, exit, load, file or session',
        },
        OF_CLUSTER,
        OF_NODE,
        {
          option: 'container',
          value: 'ID',
          key: 'containerId',
          about: 'of the container with this id',
        },
        SINCE,
        UNTIL,
      ],
    },
  ],
};
