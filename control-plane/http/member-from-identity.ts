import type { FastifyRequest } from 'fastify';
import { loginRefused, type Person, personFromClaims, roleFromGroups } from '../domain/logins.js';
import type { OidcIdentity } from '../identity/oidc.js';
import type { GroupRole, IdentityProvider } from '../store/identity-providers.js';
import { linkIdentity, recognise } from '../store/member-identities.js';
import {
  createMember,
  findMemberByEmail,
  getMember,
  type Member,
  updateMember,
} from '../store/members.js';
import type { TenantTx } from '../store/transaction.js';
import { auditAs } from './audit.js';

/** What somebody may do, and in which clusters; absent: in all. */
type Rights = Pick<GroupRole, 'role' | 'clusters'>;

/**
 * The member that somebody is, with the role that they have from now on. Who was here once is known by
 * issuer and subject: an address that changes hands at the provider changes nobody here.
 * @throws BulkheadError LOGIN_REFUSED, LAST_OWNER
 */
export async function memberFromIdentity(
  tx: TenantTx,
  request: FastifyRequest,
  provider: IdentityProvider,
  identity: OidcIdentity,
): Promise<Member> {
  const person = personFromClaims(provider.claims, identity.claims);
  const rights = rightsOf(provider, person);
  const known = await recognise(tx, identity);
  const member =
    known === undefined
      ? await firstLogin(tx, request, provider, identity, { person, rights })
      : await getMember(tx, known);
  const wanted: Rights | undefined = provider.groupRoles.length > 0 ? rights : member;
  if (wanted === undefined) throw loginRefused('no-role');
  if (!provider.servesOwners && [member.role, wanted.role].includes('owner')) {
    throw loginRefused('owner-elsewhere');
  }
  const { role, clusters = '' } = wanted;
  const isSame = role === member.role && clusters === (member.clusters ?? '');
  if (isSame || member.disabledAt) return member;
  const changed = await updateMember(tx, member.id, { role, clusters });
  await record(tx, request, provider, 'member.update', changed);
  return changed;
}

function rightsOf(
  { groupRoles, defaultRole: role }: IdentityProvider,
  { groups }: Person,
): Rights | undefined {
  return roleFromGroups(groupRoles, groups) ?? (role && { role });
}

/** Only an address that the provider has verified says that somebody is a member, or may be one. */
async function firstLogin(
  tx: TenantTx,
  request: FastifyRequest,
  provider: IdentityProvider,
  identity: OidcIdentity,
  { person, rights }: { readonly person: Person; readonly rights: Rights | undefined },
): Promise<Member> {
  const { email } = person;
  if (email === undefined) throw loginRefused('no-email');
  if (!person.isEmailVerified) throw loginRefused('email-unverified');
  const found = await findMemberByEmail(tx, email);
  const member = found ?? (await newMember(tx, request, provider, { email, person, rights }));
  if (!(await linkIdentity(tx, member.id, identity))) throw loginRefused('email-taken');
  return member;
}

async function newMember(
  tx: TenantTx,
  request: FastifyRequest,
  provider: IdentityProvider,
  who: { readonly email: string; readonly person: Person; readonly rights: Rights | undefined },
): Promise<Member> {
  const { email, person, rights } = who;
  if (!provider.createMembers) throw loginRefused('not-a-member');
  if (rights === undefined) throw loginRefused('no-role');
  const { role, clusters } = rights;
  const made = await createMember(tx, { email, displayName: person.name ?? email, role, clusters });
  await record(tx, request, provider, 'member.create', made);
  return made;
}

async function record(
  tx: TenantTx,
  request: FastifyRequest,
  provider: IdentityProvider,
  action: 'member.create' | 'member.update',
  { id, email, role, clusters }: Member,
): Promise<void> {
  const actor = { kind: 'system', id: provider.id, name: provider.name } as const;
  const limit = clusters !== undefined && { clusters };
  const details = { email, role, ...limit, identityProvider: provider.name };
  await auditAs(actor, tx, request, action, id, { details });
}
