import { CREATED, LIMITED_TO, ROLE, WIDE_ID } from './options.js';
import type { Option, Resource, Value } from './resource.js';

const MEMBER: Value = { value: 'MEMBER', key: 'memberId', of: 'member' };
const DISPLAY_NAME: Option = {
  option: 'display-name',
  value: 'NAME',
  key: 'displayName',
  about: 'as others see it',
};

export const MEMBERS: Resource = {
  name: 'member',
  naming: { list: '/v1/members', field: 'email', prefix: 'emailPrefix', unique: true },
  columns: [
    { title: 'EMAIL', field: 'email' },
    { title: 'NAME', field: 'displayName' },
    { title: 'ROLE', field: 'role' },
    { title: 'CLUSTERS', field: 'clusters' },
    { title: 'DISABLED', field: 'disabledAt', as: 'time' },
    CREATED,
    WIDE_ID,
  ],
  actions: [
    {
      name: 'list',
      about: 'list the people of the tenant',
      method: 'GET',
      path: '/v1/members',
      isList: true,
      options: [
        ROLE,
        {
          option: 'email-prefix',
          value: 'TEXT',
          key: 'emailPrefix',
          about: 'whose address begins so',
        },
      ],
    },
    {
      name: 'get',
      about: 'show a member',
      method: 'GET',
      path: '/v1/members/:memberId',
      operand: MEMBER,
    },
    {
      name: 'create',
      about: 'make somebody a member, by the address that they log in with',
      method: 'POST',
      path: '/v1/members',
      operand: { value: 'EMAIL', key: 'email' },
      options: [{ ...DISPLAY_NAME, required: true }, { ...ROLE, required: true }, LIMITED_TO],
    },
    {
      name: 'edit',
      about: 'change what a member may do',
      method: 'PATCH',
      path: '/v1/members/:memberId',
      ifMatch: true,
      operand: MEMBER,
      options: [
        DISPLAY_NAME,
        ROLE,
        LIMITED_TO,
        {
          option: 'disabled',
          value: 'true|false',
          key: 'disabled',
          as: 'boolean',
          about: 'whether they are refused',
        },
      ],
    },
    {
      name: 'delete',
      about: 'remove a member',
      method: 'DELETE',
      path: '/v1/members/:memberId',
      operand: MEMBER,
      confirm: 'Delete member',
    },
    {
      name: 'login-link',
      about: 'print a link that lets a member in once, within 15 minutes',
      method: 'POST',
      path: '/v1/members/:memberId/login-links',
      operand: MEMBER,
      columns: [
        { title: 'MEMBER', field: 'memberId', of: 'member' },
        { title: 'EXPIRES', field: 'expiresAt', as: 'time' },
        WIDE_ID,
      ],
      secrets: ['link'],
    },
  ],
};
