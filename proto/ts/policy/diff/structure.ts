import { wantedBy } from '../explain.js';
import { type ConditionName, conditionsOf } from '../language.js';
import { type Policy, type PolicySelector, SECTION_NAMES, type SectionName } from '../model.js';

/** How a selector is written differently; it may mean the same all the same. */
export type SelectorChange =
  | { readonly kind: 'added' | 'removed'; readonly section: SectionName; readonly name: string }
  | {
      readonly kind: 'changed';
      readonly section: SectionName;
      readonly name: string;
      /** Those that ask for something else than before. */
      readonly conditions: readonly ConditionName[];
    }
  | {
      /** It asks the same under another name. */
      readonly kind: 'renamed';
      readonly section: SectionName;
      readonly name: string;
      readonly formerName: string;
    };

/** By section, in the order of the names. */
export function selectorChanges(before: Policy, after: Policy): SelectorChange[] {
  return SECTION_NAMES.flatMap((section) =>
    changesOf(section, before[section]?.selectors ?? [], after[section]?.selectors ?? []).sort(
      (a, b) => (a.name < b.name ? -1 : 1),
    ),
  );
}

function changesOf(
  section: SectionName,
  before: readonly PolicySelector[],
  after: readonly PolicySelector[],
): SelectorChange[] {
  const changes: SelectorChange[] = [];
  const removed = before.filter(({ name }) => !after.some((one) => one.name === name));
  for (const selector of after) {
    const { name } = selector;
    const former = before.find((one) => one.name === name);
    if (former) {
      const conditions = differing(section, former, selector);
      if (conditions.length > 0) changes.push({ kind: 'changed', section, name, conditions });
      continue;
    }
    const at = removed.findIndex((one) => differing(section, one, selector).length === 0);
    const [renamed] = at === -1 ? [] : removed.splice(at, 1);
    changes.push(
      renamed
        ? { kind: 'renamed', section, name, formerName: renamed.name }
        : { kind: 'added', section, name },
    );
  }
  return [...changes, ...removed.map(({ name }) => ({ kind: 'removed', section, name }) as const)];
}

function differing(section: SectionName, a: PolicySelector, b: PolicySelector): ConditionName[] {
  return conditionsOf(section).filter(
    (condition) =>
      JSON.stringify(wantedBy(a, condition)) !== JSON.stringify(wantedBy(b, condition)),
  );
}
