import { createHash } from 'node:crypto';
import { policySchema } from '../../proto/ts/policy/schema.js';
import type { Api } from './server.js';

const CACHE_CONTROL = 'public, max-age=3600';

/** The JSON Schema of policy documents, for editors. */
export function policySchemaRoutes(api: Api): void {
  // As bytes, since Fastify adds a charset to a text, which this type does not have.
  const body = Buffer.from(JSON.stringify(policySchema()));
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;

  api.get('/schemas/policy.json', async (request, reply) => {
    reply.header('etag', etag).header('cache-control', CACHE_CONTROL);
    if (isFresh(request.headers['if-none-match'], etag)) return reply.code(304).send();
    return reply.type('application/schema+json').send(body);
  });
}

/** RFC 9110, 13.1.2: the comparison is weak, since a proxy that compresses makes tags weak. */
function isFresh(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.includes(etag) || tags.includes('*');
}
