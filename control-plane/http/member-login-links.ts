import { Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { loginLinkUrl } from '../domain/logins.js';
import { createLoginLink } from '../store/login-links.js';
import { getMember } from '../store/members.js';
import { audit } from './audit.js';
import { creatorOf } from './caller.js';
import { checkGrant } from './grants.js';
import { IdempotencyHeaders, makeOnce } from './idempotency.js';
import { closed, Id, Instant, TokenId, toJson } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const IssuedLoginLink = Type.Object(
  {
    id: TokenId,
    memberId: Id,
    createdBy: Type.String(),
    createdAt: Instant,
    expiresAt: Instant,
    link: Type.String({ description: 'Stands in this answer and nowhere else.' }),
  },
  { title: 'IssuedLoginLink' },
);

/** For a member who cannot log in otherwise. */
export function memberLoginLinkRoutes(api: Api, dependencies: HttpDependencies): void {
  api.post(
    '/v1/members/:memberId/login-links',
    {
      schema: {
        operationId: 'createLoginLink',
        summary: 'Makes a link that lets a member in once, within 15 minutes; the last one counts',
        tags: ['members'],
        params: closed({ memberId: Id }),
        headers: IdempotencyHeaders,
        response: { 201: IssuedLoginLink },
      },
    },
    (request, reply) =>
      makeOnce(dependencies, request, reply, async (tx) => {
        const member = await getMember(tx, request.params.memberId);
        // Who has the link is the member.
        checkGrant(request, member);
        if (member.disabledAt) throw new BulkheadError('CONFLICT', 'the member is disabled');
        const token = createToken(TOKEN_KINDS.loginLink);
        const link = await createLoginLink(tx, {
          id: token.id,
          secretSha256: hashSecret(token.secret),
          memberId: member.id,
          createdBy: creatorOf(request),
        });
        const after = toJson(link);
        const details = { memberId: member.id, email: member.email, role: member.role };
        await audit(tx, request, 'login-link.create', link.id, { after, details });
        return { ...after, link: loginLinkUrl(dependencies.publicUrl, token.text) };
      }),
  );
}
