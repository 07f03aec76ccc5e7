import type { FastifyRequest } from 'fastify';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { Role } from '../store/api-keys.js';
import { mayGrant } from './access.js';
import { callerOf } from './caller.js';
import { selectorOfClusters } from './cluster-limit.js';

/**
 * Before an API key or a member is made, changed or ended: what it may do, as it is stored.
 * @throws BulkheadError PERMISSION_DENIED where that is more than the caller holds
 */
export function checkGrant(
  request: FastifyRequest,
  { role, clusters }: { readonly role: Role; readonly clusters?: string | undefined },
): void {
  if (mayGrant(callerOf(request), { role, clusters: selectorOfClusters(clusters) })) return;
  const where = clusters ? ` in ${clusters}` : '';
  throw new BulkheadError(
    'PERMISSION_DENIED',
    `you may not grant or take the role ${role}${where}`,
  );
}
