import { createHash } from 'node:crypto';
import { BOUND_SET_LIMITS, tableNeed } from '../../proto/ts/policy/bind.js';
import { encodePolicy } from '../../proto/ts/policy/canonical.js';
import { decodePolicy } from '../../proto/ts/policy/decode.js';
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
  if (!policy) throw invalid(problems);
  const normalised = encodePolicy(policy);
  const sha256 = createHash('sha256').update(normalised).digest();
  return { policy, normalised, sha256, warnings: problems };
}

/** A document as it travelled. @throws BulkheadError POLICY_INVALID where it is not UTF-8 */
export function textOfDocument(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid(parsePolicy(bytes).problems);
  }
}

/**
 * Whether one cluster can run these policies together: a node refuses a bundle that does not fit
 * its tables, so it is refused here, where somebody reads why.
 * @throws BulkheadError POLICY_INVALID
 */
export function checkFitTogether(
  policies: readonly { readonly name: string; readonly normalised: Uint8Array }[],
): void {
  const bundled = policies.map(({ name, normalised }) => ({
    policyId: '',
    version: 1,
    name,
    mode: 'enforce' as const,
    policy: decodePolicy(normalised),
  }));
  const need = tableNeed(bundled);
  if (need.fits) return;
  const { selectors, responses } = BOUND_SET_LIMITS;
  const message =
    `the policies of a cluster would need ${need.selectors} selectors and ${need.responses} ` +
    `responses of a node's table, which has ${selectors} and ${responses}`;
  const code = 'POLICY_TABLE_FULL';
  throw invalid([{ code, severity: 'error', line: 1, column: 1, path: '', message }], message);
}

function invalid(problems: readonly Problem[], message?: string): BulkheadError {
  return new BulkheadError('POLICY_INVALID', message, { details: { problems } });
}
