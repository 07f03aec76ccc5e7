import type { Option, Resource } from './resource.js';

export const SETTINGS: Resource = {
  name: 'settings',
  naming: undefined,
  columns: [
    { title: 'EVENT DAYS', field: 'retention.eventDays' },
    { title: 'CLOSED ALERT DAYS', field: 'retention.closedAlertDays' },
    { title: 'DELIVERY DAYS', field: 'retention.deliveryDays' },
    { title: 'FREEZE WINDOWS', field: 'freezeWindows', as: 'names' },
    { title: 'REVISION', field: 'revision' },
  ],
  actions: [
    {
      name: 'show',
      about: 'show how long things are kept, and when clusters are not changed',
      method: 'GET',
      path: '/v1/settings',
    },
    {
      name: 'edit',
      about: 'change settings: what is left out stays',
      method: 'PATCH',
      path: '/v1/settings',
      ifMatch: true,
      options: [
        days('event-days', 'eventDays', 'how long events are kept'),
        days('closed-alert-days', 'closedAlertDays', 'how long closed alerts are kept'),
        days('delivery-days', 'deliveryDays', 'how long deliveries are kept'),
        {
          option: 'freeze-windows',
          value: 'FILE',
          key: 'freezeWindows',
          as: 'document',
          about: 'all freeze windows, a list as "settings show -o yaml" has it',
        },
      ],
    },
  ],
};

function days(option: string, key: string, about: string): Option {
  return { option, value: 'DAYS', key: `retention.${key}`, as: 'integer', about };
}
