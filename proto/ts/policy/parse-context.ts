import { POLICY_LIMITS } from './model.js';
import type { ProblemList } from './problem-list.js';
import type { YamlDocument } from './yaml-document.js';

/** What every part of the parser works on. */
export class ParseContext {
  readonly document: YamlDocument;
  readonly problems: ProblemList;
  #values = 0;

  constructor(document: YamlDocument, problems: ProblemList) {
    this.document = document;
    this.problems = problems;
  }

  /** Counts one value of a condition. false: the policy has more than it may. */
  takeValue(at: number, path: string): boolean {
    this.#values += 1;
    if (this.#values === POLICY_LIMITS.valuesPerPolicy + 1) {
      const message = `a policy may have ${POLICY_LIMITS.valuesPerPolicy} values`;
      this.problems.error('POLICY_LIMIT', at, path, message);
    }
    return this.#values <= POLICY_LIMITS.valuesPerPolicy;
  }
}

/** A foreign word as it may stand in a message. */
export function quoted(word: string): string {
  return word.length > 64 ? `${word.slice(0, 64)}...` : word;
}

export function didYouMean(near: string | undefined): string | undefined {
  return near && `did you mean ${near}?`;
}
