import type { ApiClient } from '../api/client.js';
import type { Kind, Origin } from './declared.js';

/** A field whose value is another; undefined: there was, or will be, none. */
export interface Change {
  readonly field: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** What is done about one thing. */
export interface Step {
  readonly action: 'create' | 'update' | 'delete' | 'unchanged';
  readonly kind: Kind;
  readonly name: string;
  readonly origin: Origin | undefined;
  readonly changes: readonly Change[];
  /** Of a policy: what it does otherwise, in lines. */
  readonly meaning: readonly string[];
  /** Resolves when it is done. @throws Failure */
  readonly carryOut: (client: ApiClient) => Promise<void>;
}

/**
 * The policies by name, as they are once all steps before have been done; without an id while a
 * policy is yet to be made.
 */
export type KnownPolicies = Map<
  string,
  { readonly id: string | undefined; readonly latestVersion: number }
>;

/** Fields that are not the same; a value is compared, and shown, as its text. */
export function changesOf(
  fields: readonly (readonly [string, unknown, unknown])[],
): readonly Change[] {
  return fields.flatMap(([field, was, is]) => {
    const [before, after] = [textOf(was), textOf(is)];
    return before === after ? [] : [{ field, before, after }];
  });
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, one]) => `${key}=${String(one)}`).join(',');
}
