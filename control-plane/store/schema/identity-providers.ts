import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  foreignKey,
  integer,
  pgTable,
  primaryKey,
  text,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { bytea, createdAt, instant, isOneOf, jsonb, tenantIdColumn } from './columns.js';
import { members } from './members.js';
import { ROLES, type Role } from './roles.js';
import { tenants } from './tenants.js';

/** Names of the claims that say who a person is. */
export interface ClaimNames {
  readonly email: string;
  readonly emailVerified: string;
  readonly name: string;
  readonly groups: string;
}

/** Who is in the group has the role, in the clusters of the selector; absent: in every one. */
export interface GroupRole {
  readonly group: string;
  readonly role: Role;
  readonly clusters?: string | undefined;
}

export const identityProviders = pgTable(
  'identity_providers',
  {
    tenantId: tenantIdColumn().references(() => tenants.id),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    issuer: text('issuer').notNull(),
    clientId: text('client_id').notNull(),
    clientSecretEncrypted: bytea('client_secret_encrypted').notNull(),
    scopes: jsonb<readonly string[]>('scopes').notNull(),
    claims: jsonb<ClaimNames>('claims').notNull(),
    groupRoles: jsonb<readonly GroupRole[]>('group_roles').notNull(),
    defaultRole: text('default_role', { enum: ROLES }),
    createMembers: boolean('create_members').notNull(),
    servesOwners: boolean('serves_owners').notNull(),
    createdAt: createdAt(),
    revision: integer('revision').notNull().default(1),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    unique('identity_providers_name').on(table.tenantId, table.name),
    check('identity_providers_name_length', sql`octet_length(${table.name}) between 1 and 253`),
    check(
      'identity_providers_issuer_length',
      sql`octet_length(${table.issuer}) between 8 and 2048`,
    ),
    check('identity_providers_default_role', isOneOf(table.defaultRole, ROLES)),
  ],
);

/** Who at an issuer is which member: by what never changes there, not by an address of mail. */
export const memberIdentities = pgTable(
  'member_identities',
  {
    tenantId: tenantIdColumn(),
    issuer: text('issuer').notNull(),
    subject: text('subject').notNull(),
    memberId: uuid('member_id').notNull(),
    createdAt: createdAt(),
    lastLoginAt: instant('last_login_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.issuer, table.subject] }),
    unique('member_identities_member').on(table.tenantId, table.memberId, table.issuer),
    foreignKey({
      name: 'member_identities_of_member',
      columns: [table.tenantId, table.memberId],
      foreignColumns: [members.tenantId, members.id],
    }).onDelete('cascade'),
    check('member_identities_issuer_length', sql`octet_length(${table.issuer}) <= 2048`),
    check(
      'member_identities_subject_length',
      sql`octet_length(${table.subject}) between 1 and 255`,
    ),
  ],
);
