import { CREATED, NAME, NEW_NAME, WIDE_ID } from './options.js';
import type { Resource, Value } from './resource.js';

const WEBHOOK: Value = { value: 'WEBHOOK', key: 'webhookId', of: 'webhook' };

export const WEBHOOKS: Resource = {
  name: 'webhook',
  naming: { list: '/v1/webhooks', field: 'name', prefix: undefined, unique: true },
  columns: [
    NAME,
    { title: 'URL', field: 'url' },
    { title: 'ENABLED', field: 'enabled' },
    CREATED,
    WIDE_ID,
  ],
  actions: [
    {
      name: 'list',
      about: 'list webhooks',
      method: 'GET',
      path: '/v1/webhooks',
      isList: true,
    },
    {
      name: 'create',
      about: 'make a webhook, and print its secret',
      method: 'POST',
      path: '/v1/webhooks',
      operand: NEW_NAME,
      options: [
        {
          option: 'url',
          value: 'URL',
          key: 'url',
          about: 'where alerts are sent',
          required: true,
        },
      ],
      secrets: ['secret'],
    },
    {
      name: 'get',
      about: 'show a webhook',
      method: 'GET',
      path: '/v1/webhooks/:webhookId',
      operand: WEBHOOK,
    },
    {
      name: 'edit',
      about: 'change a webhook; its secret stays',
      method: 'PATCH',
      path: '/v1/webhooks/:webhookId',
      ifMatch: true,
      operand: WEBHOOK,
      options: [
        { option: 'name', value: 'NAME', key: 'name', about: 'its new name' },
        { option: 'url', value: 'URL', key: 'url', about: 'where alerts are sent' },
        {
          option: 'enabled',
          value: 'true|false',
          key: 'enabled',
          as: 'boolean',
          about: 'whether they are sent; otherwise they wait',
        },
      ],
    },
    {
      name: 'delete',
      about: 'remove a webhook and what was to be sent to it',
      method: 'DELETE',
      path: '/v1/webhooks/:webhookId',
      operand: WEBHOOK,
      confirm: 'Delete webhook',
    },
    {
      name: 'deliveries',
      about: 'list what was sent to a webhook, or will be',
      method: 'GET',
      path: '/v1/webhooks/:webhookId/deliveries',
      isList: true,
      operand: WEBHOOK,
      columns: [
        { title: 'ALERT', field: 'alertId' },
        { title: 'TYPE', field: 'eventType' },
        { title: 'STATE', field: 'state' },
        { title: 'TRIES', field: 'attempts' },
        { title: 'LAST ERROR', field: 'lastError' },
        CREATED,
        { title: 'NEXT TRY', field: 'nextAttemptAt', as: 'time', wide: true },
        WIDE_ID,
      ],
    },
  ],
};
