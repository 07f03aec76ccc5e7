import { CREATED, NAME, NEW_NAME, ROLE, WIDE_ID } from './options.js';
import type { Option, Resource, Value } from './resource.js';

const PROVIDER: Value = { value: 'PROVIDER', key: 'providerId', of: 'identity-provider' };
const ISSUER: Option = {
  option: 'issuer',
  value: 'URL',
  key: 'issuer',
  about: 'the https address of the provider, as its metadata spell it',
};
const CLIENT_ID: Option = {
  option: 'client-id',
  value: 'TEXT',
  key: 'clientId',
  about: 'as the provider knows the control plane',
};
const CLIENT_SECRET: Option = {
  option: 'client-secret',
  value: 'FILE',
  key: 'clientSecret',
  as: 'secret',
  about: 'a file that holds the secret of the client; - is standard input',
};
const DEFAULT_ROLE: Option = {
  ...ROLE,
  option: 'default-role',
  key: 'defaultRole',
  about: 'of whom no group fits; without one they are refused',
};
const OPTIONS: readonly Option[] = [
  {
    option: 'scopes',
    value: 'SCOPES',
    key: 'scopes',
    as: 'list',
    about: 'what is asked for: openid,email,profile (default)',
  },
  {
    option: 'claims',
    value: 'FILE',
    key: 'claims',
    as: 'document',
    about: 'names of claims that are not the usual ones: "{groups: roles}"',
  },
  {
    option: 'group-roles',
    value: 'FILE',
    key: 'groupRoles',
    as: 'document',
    about: 'a list: "- {group: secops, role: operator}"; the first counts',
  },
  {
    option: 'new-members',
    value: 'true|false',
    key: 'createMembers',
    as: 'boolean',
    about: 'whether whom it knows is made a member',
  },
  {
    option: 'owners',
    value: 'true|false',
    key: 'servesOwners',
    as: 'boolean',
    about: 'whether owners log in there; only an owner says so',
  },
];

export const IDENTITY_PROVIDERS: Resource = {
  name: 'identity-provider',
  naming: { list: '/v1/identity-providers', field: 'name', prefix: undefined, unique: true },
  columns: [
    NAME,
    { title: 'ISSUER', field: 'issuer' },
    { title: 'CLIENT', field: 'clientId' },
    { title: 'OWNERS', field: 'servesOwners' },
    { title: 'REDIRECT URI', field: 'redirectUri', wide: true },
    CREATED,
    WIDE_ID,
  ],
  actions: [
    {
      name: 'list',
      about: 'list where people log in',
      method: 'GET',
      path: '/v1/identity-providers',
      isList: true,
    },
    {
      name: 'get',
      about: 'show an identity provider, without its secret',
      method: 'GET',
      path: '/v1/identity-providers/:providerId',
      operand: PROVIDER,
    },
    {
      name: 'create',
      about: 'let people log in with OpenID Connect',
      method: 'POST',
      path: '/v1/identity-providers',
      operand: NEW_NAME,
      options: [
        { ...ISSUER, required: true },
        { ...CLIENT_ID, required: true },
        { ...CLIENT_SECRET, required: true },
        ...OPTIONS,
        DEFAULT_ROLE,
      ],
    },
    {
      name: 'edit',
      about: 'change an identity provider; another issuer asks for its secret too',
      method: 'PATCH',
      path: '/v1/identity-providers/:providerId',
      ifMatch: true,
      operand: PROVIDER,
      options: [
        { option: 'name', value: 'NAME', key: 'name', about: 'its new name' },
        ISSUER,
        CLIENT_ID,
        CLIENT_SECRET,
        ...OPTIONS,
        DEFAULT_ROLE,
      ],
    },
    {
      name: 'delete',
      about: 'remove an identity provider, and end the sessions that began there',
      method: 'DELETE',
      path: '/v1/identity-providers/:providerId',
      operand: PROVIDER,
      confirm: 'Delete identity provider',
    },
  ],
};
