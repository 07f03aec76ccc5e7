import { CREATED, ID } from './options.js';
import type { Resource } from './resource.js';

export const SESSIONS: Resource = {
  name: 'session',
  naming: undefined,
  columns: [
    ID,
    { title: 'MEMBER', field: 'memberId', of: 'member' },
    { title: 'BEGUN BY', field: 'begunBy' },
    { title: 'ADDRESS', field: 'sourceAddress' },
    { title: 'LAST USED', field: 'lastUsedAt', as: 'time' },
    { title: 'EXPIRES', field: 'expiresAt', as: 'time' },
    { ...CREATED, wide: true },
    { title: 'BROWSER', field: 'userAgent', wide: true },
  ],
  actions: [
    {
      name: 'list',
      about: 'list who has logged in',
      method: 'GET',
      path: '/v1/sessions',
      isList: true,
      options: [
        {
          option: 'member',
          value: 'MEMBER',
          key: 'memberId',
          of: 'member',
          about: 'of this member, by address or id',
        },
      ],
    },
    {
      name: 'revoke',
      about: 'end a session, at once and everywhere',
      method: 'DELETE',
      path: '/v1/sessions/:sessionId',
      operand: { value: 'ID', key: 'sessionId', of: 'session' },
      confirm: 'End session',
    },
  ],
};
