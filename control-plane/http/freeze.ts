import type { FastifyRequest } from 'fastify';
import { type TObject, type TProperties, Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { FreezeStance } from '../store/desired-state.js';
import { mayRole } from './access.js';
import { callerOf } from './caller.js';

const FreezeHeaders = Type.Object({
  'Bulkhead-Override-Freeze': Type.Optional(
    Type.Literal('true', {
      description:
        'Changes what clusters run although a freeze window is open; needs freeze:override.',
    }),
  ),
});

/** The headers of a route, and the one that overrides a freeze window. */
export function withFreezeHeader<Properties extends TProperties>(headers: TObject<Properties>) {
  return Type.Object({ ...headers.properties, ...FreezeHeaders.properties });
}

/** @throws BulkheadError PERMISSION_DENIED where the caller asks to override it and may not */
export function freezeOf(request: FastifyRequest): FreezeStance {
  if (request.headers['bulkhead-override-freeze'] === undefined) return 'holds';
  const { role } = callerOf(request);
  if (mayRole(role, 'freeze:override')) return 'overridden';
  throw new BulkheadError('PERMISSION_DENIED', `the role ${role} may not override a freeze window`);
}

/** For an audit record. */
export function freezeDetails(freeze: FreezeStance) {
  return freeze === 'overridden' ? { overrideFreeze: true } : {};
}
