import type { Action, Operation, PolicySection, UnknownContainer } from '../model.js';
import type { Conjunction, QuestionTable } from './questions.js';
import { isEventAspect } from './sample.js';

/** Responses of a section that always fire together. */
export interface ResponseGroup {
  /** Indexes in the section. */
  readonly responses: readonly { readonly index: number; readonly actions: readonly Action[] }[];
  readonly match: readonly Conjunction[];
  readonly exclude: readonly Conjunction[];
  /** Whether it asks for anything about the container. */
  readonly aboutFacts: boolean;
  readonly keys: { readonly match: ReadonlySet<string>; readonly exclude: ReadonlySet<string> };
}

/** `only`: indexes of the responses that are looked at. */
export function groupResponses(
  section: PolicySection | undefined,
  unknownContainer: UnknownContainer,
  table: QuestionTable,
  only?: ReadonlySet<number>,
): ResponseGroup[] {
  const groups = new Map<string, ResponseGroup>();
  if (!section) return [];
  const sideOf = selectorSides(section, unknownContainer, table);
  section.responses.forEach((response, index) => {
    if (only && !only.has(index)) return;
    const [match, exclude] = [sideOf(response.match), sideOf(response.exclude)];
    const id = JSON.stringify([[...match.keys].sort(), [...exclude.keys].sort()]);
    const literals = [...match.conjunctions, ...exclude.conjunctions].flatMap(
      (one) => one.literals,
    );
    groups.set(id, {
      responses: [...(groups.get(id)?.responses ?? []), { index, actions: response.actions }],
      match: match.conjunctions,
      exclude: exclude.conjunctions,
      aboutFacts: literals.some(({ aspect }) => !isEventAspect(aspect)),
      keys: { match: match.keys, exclude: exclude.keys },
    });
  });
  return [...groups.values()];
}

interface SelectorSide {
  readonly conjunctions: readonly Conjunction[];
  readonly keys: ReadonlySet<string>;
}

/** Puts only those selectors into the table that are asked for. */
function selectorSides(
  { selectors }: PolicySection,
  unknownContainer: UnknownContainer,
  table: QuestionTable,
): (indexes: readonly number[]) => SelectorSide {
  const known = new Map<number, readonly Conjunction[]>();
  const conjunctionsOf = (index: number): readonly Conjunction[] => {
    const selector = selectors[index];
    const conjunctions =
      known.get(index) ?? (selector ? table.conjunctionsOf(selector, unknownContainer) : []);
    known.set(index, conjunctions);
    return conjunctions;
  };
  return (indexes) => ({
    conjunctions: indexes.flatMap(conjunctionsOf),
    keys: new Set(indexes.map((index) => keyOf(conjunctionsOf(index)))),
  });
}

/** Equal for selectors that ask the same. */
function keyOf(conjunctions: readonly Conjunction[]): string {
  return JSON.stringify(
    conjunctions
      .map(({ operations, literals }) => {
        const asked = literals.map(({ aspect, question }) => `${aspect} ${question}`).sort();
        return [operations.join(), ...asked].join(';');
      })
      .sort(),
  );
}

/** The part of a group that one operation can concern. */
export function concerning(group: ResponseGroup, operation: Operation): ResponseGroup {
  const does = ({ operations }: Conjunction): boolean => operations.includes(operation);
  return { ...group, match: group.match.filter(does), exclude: group.exclude.filter(does) };
}

/** Indexes of the responses that `others` do not have as they are, with the same actions. */
export function unequalResponses(
  groups: readonly ResponseGroup[],
  others: readonly ResponseGroup[],
): Set<number> {
  const idOf = ({ keys, responses }: ResponseGroup): string =>
    JSON.stringify([
      [...keys.match].sort(),
      [...keys.exclude].sort(),
      [...new Set(responses.flatMap(({ actions }) => actions))].sort(),
    ]);
  const ids = new Set(others.map(idOf));
  const unequal = groups.filter((group) => !ids.has(idOf(group)));
  return new Set(unequal.flatMap(({ responses }) => responses.map(({ index }) => index)));
}

/** Whether `other` fires whenever `group` does, as one sees without a search. */
export function isCovered(group: ResponseGroup, other: ResponseGroup): boolean {
  return (
    [...group.keys.match].every((key) => other.keys.match.has(key)) &&
    [...other.keys.exclude].every((key) => group.keys.exclude.has(key))
  );
}
