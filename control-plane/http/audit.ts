import type { FastifyRequest } from 'fastify';
import type { AuditAction, AuditTargetKind } from '../domain/audit.js';
import { type AuditActor, type AuditEntry, appendAudit } from '../store/audit-log.js';
import type { TenantTx } from '../store/transaction.js';
import { anyCallerOf } from './caller.js';

/**
 * Writes down what the request does to the thing that the action is about: the last thing in its
 * transaction, since it locks the end of the tenant's chain. `before` and `after` are the thing as the
 * API shows it, never with a secret.
 */
export async function audit(
  tx: TenantTx,
  request: FastifyRequest,
  action: AuditAction,
  id: string,
  what: Pick<AuditEntry, 'before' | 'after' | 'details'>,
): Promise<void> {
  const { kind, id: callerId, name } = anyCallerOf(request);
  await auditAs({ kind, id: callerId, name }, tx, request, action, id, what);
}

/** The same of somebody who is no caller yet: who logs in. */
export async function auditAs(
  actor: AuditActor,
  tx: TenantTx,
  request: FastifyRequest,
  action: AuditAction,
  id: string,
  what: Pick<AuditEntry, 'before' | 'after' | 'details'>,
): Promise<void> {
  await appendAudit(tx, {
    ...what,
    action,
    target: { kind: targetKindOf(action), id },
    actor,
    origin: {
      address: request.ip,
      userAgent: request.headers['user-agent'],
      requestId: request.id,
    },
  });
}

function targetKindOf(action: AuditAction): AuditTargetKind {
  return action.slice(0, action.indexOf('.')) as AuditTargetKind;
}
