import { createHash } from 'node:crypto';
import { tableNeed } from '../../proto/ts/policy/bind.js';
import { encodePolicy } from '../../proto/ts/policy/canonical.js';
import type { Policy } from '../../proto/ts/policy/model.js';
import { parsePolicy } from '../../proto/ts/policy/parse.js';
import type { Problem } from '../../proto/ts/policy/problems.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';

/** A document that passed, ready to be stored as a version. */
export interface CompiledPolicy {
  readonly policy: Policy;
  /** Canonical bytes. */
  readonly normalised: Uint8Array;
  /** Of the canonical bytes: the same meaning, the same hash. */
  readonly sha256: Buffer;
  readonly warnings: readonly Problem[];
}

/** @throws BulkheadError POLICY_INVALID with every problem in its details */
export function compilePolicy(source: string): CompiledPolicy {
  const { policy, problems } = parsePolicy(source);
  if (!policy) {
    throw new BulkheadError('POLICY_INVALID', undefined, { details: { problems } });
  }
  const bundled = { policyId: '', version: 1, name: '', mode: 'enforce' as const, policy };
  const need = tableNeed([bundled]);
  if (!need.fits) {
    throw new BulkheadError(
      'POLICY_INVALID',
      `a container could need ${need.selectors} selectors and ${need.responses} responses of it, more than a node's table holds`,
      { details: { problems } },
    );
  }
  const normalised = encodePolicy(policy);
  const sha256 = createHash('sha256').update(normalised).digest();
  return { policy, normalised, sha256, warnings: problems };
}
