import { CLUSTER, ID, NODE, OF_CLUSTER, OF_NODE, OF_POLICY } from './options.js';
import type { Action, Resource, Value } from './resource.js';

const ALERT: Value = { value: 'ALERT', key: 'alertId', of: 'alert' };

export const ALERTS: Resource = {
  name: 'alert',
  naming: undefined,
  columns: [
    ID,
    { title: 'STATUS', field: 'status' },
    { title: 'SEVERITY', field: 'severity' },
    { title: 'TITLE', field: 'title' },
    CLUSTER,
    { title: 'EVENTS', field: 'eventCount' },
    { title: 'SEEN', field: 'lastSeenAt', as: 'time' },
    { ...NODE, wide: true },
    { title: 'POLICY', field: 'policyId', of: 'policy', wide: true },
    { title: 'VERDICT', field: 'verdict', wide: true },
  ],
  actions: [
    {
      name: 'list',
      about: 'list alerts, newest first',
      method: 'GET',
      path: '/v1/alerts',
      isList: true,
      options: [
        {
          option: 'status',
          value: 'STATUS',
          key: 'status',
          words: ['open', 'acknowledged', 'closed'],
          about: 'open, acknowledged or closed',
        },
        {
          option: 'severity',
          value: 'SEVERITY',
          key: 'severity',
          words: ['info', 'low', 'medium', 'high', 'critical'],
          about: 'info, low, medium, high or critical',
        },
        OF_CLUSTER,
        OF_NODE,
        OF_POLICY,
      ],
    },
    {
      name: 'get',
      about: 'show an alert',
      method: 'GET',
      path: '/v1/alerts/:alertId',
      operand: ALERT,
    },
    setStatus('ack', 'acknowledge an alert', 'acknowledged'),
    setStatus('close', 'close an alert', 'closed'),
    setStatus('reopen', 'open an alert again', 'open'),
  ],
};

function setStatus(name: string, about: string, status: string): Action {
  return {
    name,
    about,
    method: 'PATCH',
    path: '/v1/alerts/:alertId',
    operand: ALERT,
    body: { status },
  };
}
