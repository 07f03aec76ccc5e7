import type { Problem } from '../../../proto/ts/policy/problems.js';
import { BulkheadError } from '../../../proto/ts/wire/errors.js';
import { type CompiledPolicy, compilePolicy, textOfDocument } from '../../domain/policies.js';

export interface CompiledDocument {
  readonly source: string;
  readonly policy: CompiledPolicy['policy'];
  /** As the API has it: hex. */
  readonly sha256: string;
}

/** A document as a control plane takes it, by the same code; undefined: it would be refused. */
export function compileDocument(bytes: Uint8Array): {
  readonly compiled: CompiledDocument | undefined;
  readonly problems: readonly Problem[];
} {
  try {
    const source = textOfDocument(bytes);
    const { policy, sha256, warnings } = compilePolicy(source);
    return {
      compiled: { source, policy, sha256: sha256.toString('hex') },
      problems: warnings,
    };
  } catch (error) {
    if (!(error instanceof BulkheadError) || !Array.isArray(error.details.problems)) throw error;
    return { compiled: undefined, problems: error.details.problems };
  }
}
