import { Type } from 'typebox';
import { hashSecret, parseToken, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { loginRefused } from '../domain/logins.js';
import { findLoginLinkTenant, redeemLoginLink } from '../store/login-links.js';
import { getMember } from '../store/members.js';
import { html, sendPage } from './auth-pages.js';
import { beginSession, countRefusals, enter } from './begin-session.js';
import { checkOrigin } from './csrf.js';
import { HOME } from './return-to.js';
import { closed } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const FORM = 'application/x-www-form-urlencoded';
const FORM_LIMIT_BYTES = 4096;

/** Of the link to the field. */
const SCRIPT = `const field = document.querySelector('input[name=token]');
const token = location.hash.slice(1);
if (field && token) {
  field.value = token;
  history.replaceState(null, '', location.pathname);
}
`;

/**
 * A login with a link that is good for once. Opening it uses nothing up, since scanners of mail open
 * links too: that is what the button does.
 */
export function loginLinkRoutes(api: Api, dependencies: HttpDependencies): void {
  api.get('/auth/link', { schema: { hide: true } }, async (_request, reply) =>
    sendPage(
      reply,
      'Log in to Bulkhead',
      html`<form method="post" action="/auth/link">
<label>The code behind the # of your link, which is good for one login:
<input name="token" required maxlength="200" autocomplete="off" spellcheck="false"></label>
<button>Log in</button>
</form>
<script src="/auth/link.js"></script>`,
    ),
  );

  api.get('/auth/link.js', { schema: { hide: true } }, async (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(SCRIPT),
  );

  // A form is taken here and nowhere else.
  api.register(async (scope) => {
    scope.addContentTypeParser(
      FORM,
      { parseAs: 'string', bodyLimit: FORM_LIMIT_BYTES },
      async (_request: unknown, body: string) => Object.fromEntries(new URLSearchParams(body)),
    );
    redeemRoute(scope, dependencies);
  });
}

function redeemRoute(api: Api, dependencies: HttpDependencies): void {
  const { database, publicUrl, metrics } = dependencies;
  api.post(
    '/auth/link',
    {
      schema: {
        hide: true,
        body: closed({ token: Type.String({ minLength: 1, maxLength: 200 }) }),
      },
    },
    async (request, reply) => {
      // So that nobody is logged in as somebody else by a page of theirs.
      checkOrigin(request, publicUrl);
      const begun = await countRefusals(metrics, 'login-link', async () => {
        const token = parseToken(TOKEN_KINDS.loginLink, request.body.token);
        const tenantId =
          token && (await database.withPlatform((tx) => findLoginLinkTenant(tx, token.id)));
        if (!token || tenantId === undefined) throw loginRefused('link-unknown');
        return database.withTenant({ tenantId }, async (tx) => {
          const secretSha256 = hashSecret(token.secret);
          const link = await redeemLoginLink(tx, { id: token.id, secretSha256 });
          if (!link) throw loginRefused('link-unknown');
          const details = { linkId: link.id, linkCreatedBy: link.createdBy };
          const member = await getMember(tx, link.memberId);
          return beginSession(tx, request, member, { begunBy: 'login-link', details });
        });
      });
      return enter(reply, dependencies, begun, HOME);
    },
  );
}
