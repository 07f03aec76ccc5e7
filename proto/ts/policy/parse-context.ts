import { POLICY_LIMITS } from './model.js';
import type { ProblemList } from './problem-list.js';
import type { Fault } from './values.js';
import type { Item, MapEntry, YamlDocument } from './yaml-document.js';

/** What every part of the parser works on. */
export class ParseContext {
  readonly document: YamlDocument;
  readonly problems: ProblemList;
  #values = 0;
  /** Of the alternatives that braces were written out to. */
  expandedLength = 0;

  constructor(document: YamlDocument, problems: ProblemList) {
    this.document = document;
    this.problems = problems;
  }

  /** Counts values of a condition. false: the policy has more than it may. */
  takeValues(count: number, { at, path }: Item): boolean {
    const max = POLICY_LIMITS.valuesPerPolicy;
    const before = this.#values;
    this.#values += count;
    if (before <= max && this.#values > max) {
      this.problems.error('POLICY_LIMIT', at, path, `a policy may have ${max} values`);
    }
    return this.#values <= max;
  }

  fault({ code, message, hint }: Fault, { at, path }: Item): void {
    this.problems.error(code, at, path, message, hint);
  }
}

/** A foreign word as it may stand in a message. */
export function quoted(word: string): string {
  return word.length > 64 ? `${word.slice(0, 64)}...` : word;
}

export function didYouMean(near: string | undefined): string | undefined {
  return near && `did you mean ${near}?`;
}

export function reportUnknownKeys(
  entries: readonly MapEntry[],
  known: readonly string[],
  what: string,
  problems: ProblemList,
): void {
  for (const { key, at, path } of entries) {
    if (known.includes(key)) continue;
    const hint = didYouMean(problems.nearest(key, known));
    problems.error('POLICY_UNKNOWN_KEY', at, path, `${what} has no key ${quoted(key)}`, hint);
  }
}
