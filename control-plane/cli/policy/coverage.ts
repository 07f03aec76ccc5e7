import { SECTION_NAMES, type SectionName } from '../../../proto/ts/policy/model.js';
import type { LoadedPolicy } from './documents.js';
import type { OperationExplained } from './judge.js';

/** A selector or a response, and where it stands. */
export interface Part {
  readonly file: string;
  readonly line: number;
  readonly section: SectionName;
  readonly kind: 'selector' | 'response';
  /** A selector's own, of a response those of its match list. */
  readonly names: readonly string[];
}

export interface Coverage {
  readonly selectors: { readonly reached: number; readonly of: number };
  readonly responses: { readonly reached: number; readonly of: number };
  /** Selectors that no case makes match and responses that no case makes fire. */
  readonly missed: readonly Part[];
}

/** Notes what tests reach of policies. */
export class CoverageCounter {
  readonly #policies: readonly LoadedPolicy[];
  readonly #reached = new Set<string>();

  constructor(policies: readonly LoadedPolicy[]) {
    this.#policies = policies;
  }

  add(explained: readonly OperationExplained[]): void {
    for (const { policyName, section, selectors, responses } of explained.flatMap(
      (one) => one.sections,
    )) {
      for (const { name, matches } of selectors) {
        if (matches) this.#reached.add(keyOf(policyName, section, name));
      }
      for (const { response, fired } of responses) {
        if (fired) this.#reached.add(keyOf(policyName, section, response));
      }
    }
  }

  result(): Coverage {
    const parts = this.#policies.flatMap(partsOf);
    const tally = (kind: Part['kind']) => {
      const all = parts.filter(({ part }) => part.kind === kind);
      const reached = all.filter(({ key }) => this.#reached.has(key)).length;
      return { reached, of: all.length };
    };
    return {
      selectors: tally('selector'),
      responses: tally('response'),
      missed: parts.filter(({ key }) => !this.#reached.has(key)).map(({ part }) => part),
    };
  }
}

function partsOf({ file, policy, places }: LoadedPolicy): { key: string; part: Part }[] {
  return SECTION_NAMES.flatMap((section) => {
    const content = policy[section];
    const at = places[section];
    if (!content) return [];
    const selectors = content.selectors.map(({ name }) => ({
      key: keyOf(file, section, name),
      part: {
        ...{ file, section, kind: 'selector' as const, names: [name] },
        line: at?.selectors.get(name)?.line ?? 1,
      },
    }));
    const responses = content.responses.map(({ match }, index) => ({
      key: keyOf(file, section, index),
      part: {
        ...{ file, section, kind: 'response' as const },
        names: match.flatMap((selector) => content.selectors[selector]?.name ?? []),
        line: at?.responses[index]?.line ?? 1,
      },
    }));
    return [...selectors, ...responses].sort((a, b) => a.part.line - b.part.line);
  });
}

/** A selector goes by its name, a response by its index. */
function keyOf(file: string, section: SectionName, which: string | number): string {
  return JSON.stringify([file, section, which]);
}
