import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { loginLinkUrl } from '../domain/logins.js';
import { appendAudit } from '../store/audit-log.js';
import type { Database } from '../store/database.js';
import { createLoginLink, LOGIN_LINK_MINUTES } from '../store/login-links.js';
import { createMember, findMemberByEmail, type Member } from '../store/members.js';
import type { TenantTx } from '../store/transaction.js';
import { COMMAND_LINE, type Options, required, roleFrom, show, tenantFrom } from './options.js';

export async function newLoginLink(
  database: Database,
  publicUrl: string,
  options: Options,
): Promise<string> {
  const email = required(options.email, '--email');
  if (!/^[^\s@]+@[^\s@]+$/.test(email)) throw new Error('--email: an address of mail');
  const { id: tenantId } = await tenantFrom(database, options);
  const token = createToken(TOKEN_KINDS.loginLink);
  const member = await database.withTenant({ tenantId }, async (tx) => {
    const member = await memberFrom(tx, email, options.as);
    await createLoginLink(tx, {
      id: token.id,
      secretSha256: hashSecret(token.secret),
      memberId: member.id,
      createdBy: COMMAND_LINE.name,
    });
    await appendAudit(tx, {
      actor: COMMAND_LINE,
      action: 'login-link.create',
      target: { kind: 'login-link', id: token.id },
      details: { memberId: member.id, email: member.email, role: member.role },
    });
    return member;
  });
  const link = loginLinkUrl(publicUrl, token.text);
  return show(
    options,
    { link, memberId: member.id },
    `login    ${link}\n         (${member.role}; for one login within ${LOGIN_LINK_MINUTES} minutes)`,
  );
}

/** The member of that address, who keeps their role; made where there is none. */
async function memberFrom(tx: TenantTx, email: string, as: string | undefined): Promise<Member> {
  const role = roleFrom(as ?? 'owner');
  const found = await findMemberByEmail(tx, email);
  if (found?.disabledAt) throw new Error(`${email} is disabled`);
  if (found && as !== undefined && found.role !== role) {
    throw new Error(`${email} is a member already, with the role ${found.role}`);
  }
  if (found) return found;
  const made = await createMember(tx, { email, displayName: email, role });
  await appendAudit(tx, {
    actor: COMMAND_LINE,
    action: 'member.create',
    target: { kind: 'member', id: made.id },
    details: { email: made.email, role },
  });
  return made;
}
