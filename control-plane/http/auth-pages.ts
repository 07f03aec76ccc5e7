import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ProblemBody } from './problem.js';

/** Markup that is safe as it stands. */
export class Html {
  constructor(readonly text: string) {}
}

/** What is put in is text, unless it is Html itself. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const inner = values.map((value, index) => `${markupOf(value)}${parts[index + 1] ?? ''}`);
  return new Html(`${parts[0] ?? ''}${inner.join('')}`);
}

type HtmlValue = string | Html | readonly Html[];

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem;color:#1a1a1a}' +
  'h1{font-size:1.4rem}input,button{font:inherit;padding:.4rem .7rem}input{width:100%;box-sizing:border-box}' +
  'button{margin-top:1rem}code{color:#555}';

/** Nothing from elsewhere, no script but our own files, framed nowhere. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "script-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Its form goes to us only. One that is `sentOn` from there to an identity provider may go anywhere:
 * browsers hold a form's redirects to the policy of its page.
 */
export function sendPage(
  reply: FastifyReply,
  title: string,
  body: Html,
  form: 'ours' | 'sentOn' = 'ours',
): FastifyReply {
  const page = html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title} - Bulkhead</title>
<style>${new Html(STYLE)}</style>
<h1>${title}</h1>
${body}
</html>
`;
  return (
    reply
      .type('text/html; charset=utf-8')
      .header(
        'content-security-policy',
        `${POLICY}; form-action ${form === 'ours' ? "'self'" : '*'}`,
      )
      // With no-referrer browsers say `Origin: null` of the page's own form (Fetch, 3.1).
      .header('referrer-policy', 'same-origin')
      .send(page.text)
  );
}

/** A person who stands in the middle of a login is told in words. */
export function sendProblemPage(reply: FastifyReply, problem: ProblemBody): FastifyReply {
  return sendPage(
    reply.code(problem.status),
    'Not logged in',
    html`<p>${problem.detail}.</p>
<p>What to do: ${problem.nextStep}.</p>
<p><a href="/auth/login">Log in</a></p>
<p><code>${problem.code} ${problem.requestId}</code></p>`,
  );
}

/** It is a browser that shows a page, not a program that wants JSON. */
export function wantsPage(request: FastifyRequest): boolean {
  const { url } = request.routeOptions;
  return url?.startsWith('/auth/') === true && /\btext\/html\b/.test(request.headers.accept ?? '');
}

function markupOf(value: HtmlValue): string {
  if (value instanceof Html) return value.text;
  if (typeof value !== 'string') return value.map(({ text }) => text).join('');
  return value.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
