import { type Static, Type } from 'typebox';
import { ROLES } from '../store/api-keys.js';
import type { IdentityProvider } from '../store/identity-providers.js';
import {
  closed,
  Id,
  Instant,
  Name,
  NO_CONTROLS,
  oneOf,
  Revision,
  SelectorText,
} from './schemas.js';

const Role = oneOf(ROLES);
const word = (maxLength: number, description: string) =>
  Type.String({ minLength: 1, maxLength, pattern: NO_CONTROLS, description });

const Issuer = word(2048, 'As its metadata spell it: an https address.');
const ClientId = word(512, 'As the provider knows us.');
const ClientSecret = word(1024, 'Kept sealed, and shown to nobody again.');
const Scopes = Type.Array(Type.String({ pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]{1,64}$' }), {
  minItems: 1,
  maxItems: 32,
  uniqueItems: true,
  description: 'openid among them; default openid, email, profile.',
});
const ClaimName = Type.Optional(word(128, 'The name of a claim.'));
const ClaimNames = Type.Unsafe<Partial<IdentityProvider['claims']>>({
  ...closed({ email: ClaimName, emailVerified: ClaimName, name: ClaimName, groups: ClaimName }),
  description: 'Default: email, email_verified, name, groups.',
});
const GroupRoles = Type.Array(
  closed({
    group: word(256, 'As the claim has it.'),
    role: Role,
    clusters: Type.Optional(SelectorText),
  }),
  {
    maxItems: 200,
    description:
      'The first that fits says role and clusters, at each login; with none in the list, members keep theirs.',
  },
);
const DEFAULT_ROLE =
  'Of whom no group fits, and of who is made a member; without one they are refused.';
const SERVES_OWNERS =
  'Whether owners log in here: only an owner says so, and only then changes the rest.';

const PROPERTIES = {
  id: Id,
  name: Type.String(),
  issuer: Type.String(),
  clientId: Type.String(),
  scopes: Type.Array(Type.String()),
  claims: Type.Object({
    email: Type.String(),
    emailVerified: Type.String(),
    name: Type.String(),
    groups: Type.String(),
  }),
  groupRoles: Type.Array(
    Type.Object({ group: Type.String(), role: Role, clusters: Type.Optional(SelectorText) }),
  ),
  defaultRole: Type.Optional(Role),
  createMembers: Type.Boolean(),
  servesOwners: Type.Boolean(),
  redirectUri: Type.String({ description: 'What the provider is to be told of us.' }),
  createdAt: Instant,
  revision: Revision,
};
export const Provider = Type.Object(PROPERTIES, { title: 'IdentityProvider' });
const OPTIONS = {
  scopes: Type.Optional(Scopes),
  claims: Type.Optional(ClaimNames),
  groupRoles: Type.Optional(GroupRoles),
  createMembers: Type.Optional(
    Type.Boolean({ description: 'Makes a member of whom it knows and we do not.' }),
  ),
  servesOwners: Type.Optional(Type.Boolean({ description: SERVES_OWNERS })),
};
export const NewProvider = closed({
  name: Name,
  issuer: Issuer,
  clientId: ClientId,
  clientSecret: ClientSecret,
  ...OPTIONS,
  defaultRole: Type.Optional(
    Type.Unsafe<Static<typeof Role>>({ ...Role, description: DEFAULT_ROLE }),
  ),
});
export const ProviderChange = closed({
  name: Type.Optional(Name),
  issuer: Type.Optional(Issuer),
  clientId: Type.Optional(ClientId),
  clientSecret: Type.Optional(ClientSecret),
  ...OPTIONS,
  defaultRole: Type.Optional(
    Type.Unsafe<Static<typeof Role> | null>({
      type: ['string', 'null'],
      enum: [...ROLES, null],
      description: 'null: none.',
    }),
  ),
});
