import { createHash } from 'node:crypto';
import { encodePolicy } from '../../proto/ts/policy/canonical.js';
import type { Policy } from '../../proto/ts/policy/model.js';
import {
  supportProblems,
  type TableNeed,
  tableFull,
  tableNeed,
} from '../../proto/ts/policy/node-support.js';
import { parsePolicy } from '../../proto/ts/policy/parse.js';
import type { Problem } from '../../proto/ts/policy/problems.js';
import { tableProblems } from '../../proto/ts/policy/table-check.js';
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

export interface ExaminedPolicy {
  /** Only where no problem is an error. */
  readonly compiled?: CompiledPolicy;
  readonly problems: readonly Problem[];
}

/** Whatever the text is. */
export function examinePolicy(source: string): ExaminedPolicy {
  const { policy, places, problems } = parsePolicy(source);
  if (!policy || !places) return { problems };
  // What no node can carry out is refused where somebody reads why.
  const unfit = [...supportProblems(policy, places, 'error'), ...tableProblems(policy, places)];
  if (unfit.length > 0) return { problems: [...problems, ...unfit] };
  const normalised = encodePolicy(policy);
  const sha256 = createHash('sha256').update(normalised).digest();
  return { compiled: { policy, normalised, sha256, warnings: problems }, problems };
}

/** @throws BulkheadError POLICY_INVALID with every problem in its details */
export function compilePolicy(source: string): CompiledPolicy {
  const { compiled, problems } = examinePolicy(source);
  if (!compiled) throw invalid(problems);
  return compiled;
}

/** A document as it travelled. @throws BulkheadError POLICY_INVALID where it is not UTF-8 */
export function textOfDocument(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid(parsePolicy(bytes).problems);
  }
}

/** What one cluster that runs all of these needs of a node's tables. */
export function needTogether(policies: readonly Policy[]): TableNeed {
  const names = { policyId: '', version: 1, name: '', mode: 'enforce' } as const;
  return tableNeed(policies.map((policy) => ({ ...names, policy })));
}

/** POLICY_INVALID for policies that do not fit together; `what` names them. */
export function tooMuchTogether(what: string, need: TableNeed): BulkheadError {
  const problem = tableFull(what, need);
  return invalid([problem], problem.message);
}

function invalid(problems: readonly Problem[], message?: string): BulkheadError {
  return new BulkheadError('POLICY_INVALID', message, { details: { problems } });
}
