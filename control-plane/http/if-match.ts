import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';

export const IfMatchHeaders = Type.Object({
  'If-Match': Type.Optional(
    Type.String({
      maxLength: 1024,
      description: 'The ETag that was read: where the thing was changed since, nothing is done.',
    }),
  ),
});

/** The tag of one state of a thing: its revision, which rises with every edit. */
export function setEtag(reply: FastifyReply, { revision }: { readonly revision: number }): void {
  reply.header('etag', etagOf(revision));
}

/**
 * RFC 9110, 13.1.1: the comparison is strong, so that a weak tag fits nothing, and nothing fits what is not
 * there. Without the header anything fits.
 * @throws BulkheadError PRECONDITION_FAILED
 */
export function checkIfMatch(
  request: FastifyRequest,
  current: { readonly revision: number } | undefined,
): void {
  const header = request.headers['if-match'];
  if (header === undefined) return;
  const tags = header.split(',').map((tag) => tag.trim());
  if (current && (tags.includes('*') || tags.includes(etagOf(current.revision)))) return;
  throw new BulkheadError('PRECONDITION_FAILED');
}

const etagOf = (revision: number) => `"${revision}"`;
