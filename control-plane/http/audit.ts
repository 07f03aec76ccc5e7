import type { FastifyRequest } from 'fastify';
import { type AuditEntry, appendAudit } from '../store/audit-log.js';
import type { TenantTx } from '../store/transaction.js';
import { callerOf } from './authentication.js';

/**
 * Writes down what the request does: the last thing in its transaction, since it locks the end of the
 * tenant's chain. `before` and `after` are the thing as the API shows it, never with a secret.
 */
export async function audit(
  tx: TenantTx,
  request: FastifyRequest,
  entry: Omit<AuditEntry, 'actor' | 'origin'>,
): Promise<void> {
  const { id, name } = callerOf(request);
  await appendAudit(tx, {
    ...entry,
    actor: { kind: 'api-key', id, name },
    origin: {
      address: request.ip,
      userAgent: request.headers['user-agent'],
      requestId: request.id,
    },
  });
}
