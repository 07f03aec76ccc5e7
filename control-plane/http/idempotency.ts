import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { Vault } from '../domain/vault.js';
import type { Database } from '../store/database.js';
import { claimIdempotencyKey, keepAnswer } from '../store/idempotency-keys.js';
import type { TenantTx } from '../store/transaction.js';
import { creatorOf, inTenant } from './caller.js';

const PURPOSE = 'idempotency';

/** Quotes, where a client sends a structured string, are part of the key. */
export const IdempotencyHeaders = Type.Object({
  'Idempotency-Key': Type.Optional(
    Type.String({
      pattern: '^[\\x21-\\x7e]{1,255}$',
      description:
        'A repeat of the request under its key within 24 hours gets the first answer again, and makes nothing.',
    }),
  ),
});

/**
 * Makes something once: where the request carries an Idempotency-Key, its answer is kept with what it
 * makes, in one transaction, and a repeat is answered from there.
 * @throws BulkheadError IDEMPOTENCY_KEY_REUSED
 */
export async function makeOnce<Answer>(
  { database, vault }: { readonly database: Database; readonly vault: Vault },
  request: FastifyRequest,
  reply: FastifyReply,
  make: (tx: TenantTx) => Promise<Answer>,
): Promise<Answer> {
  return inTenant(database, request, (tx) => makeOnceIn(tx, vault, request, reply, make));
}

/** The same, in a transaction that there is. */
export async function makeOnceIn<Answer>(
  tx: TenantTx,
  vault: Vault,
  request: FastifyRequest,
  reply: FastifyReply,
  make: (tx: TenantTx) => Promise<Answer>,
): Promise<Answer> {
  const key = request.headers['idempotency-key'];
  reply.code(201);
  if (typeof key !== 'string') return make(tx);
  const name = { caller: creatorOf(request), key };
  const requestSha256 = hashOf(request);
  const kept = await claimIdempotencyKey(tx, name, requestSha256);
  if (kept) {
    if (!requestSha256.equals(kept.requestSha256)) {
      throw new BulkheadError('IDEMPOTENCY_KEY_REUSED');
    }
    reply.code(kept.status).header('idempotency-replayed', 'true');
    return JSON.parse(vault.open(PURPOSE, kept.answerEncrypted).toString('utf8')) as Answer;
  }
  const answer = await make(tx);
  const answerEncrypted = vault.seal(PURPOSE, Buffer.from(JSON.stringify(answer)));
  await keepAnswer(tx, name, { status: 201, answerEncrypted });
  return answer;
}

function hashOf(request: FastifyRequest): Buffer {
  const parts = [request.method, request.url, request.body];
  return createHash('sha256').update(JSON.stringify(parts)).digest();
}
