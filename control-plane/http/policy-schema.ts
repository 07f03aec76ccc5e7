import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import { policySchema } from '../../proto/ts/policy/schema.js';
import { isFresh } from './fresh.js';
import type { Api } from './server.js';

const CACHE_CONTROL = 'public, max-age=3600';

/** The JSON Schema of policy documents, for editors. */
export function policySchemaRoutes(api: Api): void {
  // As bytes, since Fastify adds a charset to a text, which this type does not have.
  const body = Buffer.from(JSON.stringify(policySchema()));
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;

  const schema = {
    operationId: 'getPolicySchema',
    summary: 'The JSON Schema of policy documents, for editors',
    tags: ['service'],
    response: {
      200: Type.Unsafe<Buffer>({ type: 'object', description: 'JSON Schema, with an ETag.' }),
      304: Type.Unsafe<undefined>({ type: 'null', description: 'If-None-Match has it.' }),
    },
  };

  api.get('/schemas/policy.json', { schema }, async (request, reply) => {
    reply.header('etag', etag).header('cache-control', CACHE_CONTROL);
    if (isFresh(request.headers['if-none-match'], etag)) return reply.code(304).send(undefined);
    return reply.type('application/schema+json').send(body);
  });
}
