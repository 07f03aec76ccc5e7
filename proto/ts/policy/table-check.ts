import { AutomatonTooLarge, buildAutomaton } from './automaton/build.js';
import { bindLargest, patternsOfName } from './bind.js';
import { type Policy, type PolicySelector, SECTION_NAMES } from './model.js';
import type { PolicyPlaces } from './places.js';
import type { Problem } from './problems.js';

/**
 * Whether the automaton of a policy fits a node, for any container. The problems stand at the selectors
 * whose patterns make it large, and name them.
 */
export function tableProblems(policy: Policy, places: PolicyPlaces): Problem[] {
  const { pathLists } = bindLargest([
    { policyId: '', version: 1, name: '', mode: 'enforce', policy },
  ]);
  try {
    buildAutomaton(pathLists, 'path');
    return [];
  } catch (error) {
    if (!(error instanceof AutomatonTooLarge)) throw error;
    return problemsOf(policy, places, error.costly);
  }
}

function problemsOf(policy: Policy, places: PolicyPlaces, costly: readonly string[]): Problem[] {
  return SECTION_NAMES.flatMap((section) =>
    (policy[section]?.selectors ?? []).flatMap((selector): Problem[] => {
      const named = costly.filter((pattern) => patternsOf(selector).includes(pattern));
      const place = places[section]?.selectors.get(selector.name);
      if (named.length === 0 || !place) return [];
      const { line, column, path } = place;
      const patterns = named.join(' and ');
      const message = `the path patterns of the policy need more than a node's table, above all ${patterns}`;
      const hint = 'a ** or * with something behind it costs most: name directories instead';
      return [{ code: 'POLICY_TABLE_FULL', severity: 'error', line, column, path, message, hint }];
    }),
  );
}

function patternsOf({ texts }: PolicySelector): string[] {
  return [
    ...(texts.processExecutable ?? []),
    ...(texts.processName ?? []).flatMap(patternsOfName),
    ...(texts.parentExecutable ?? []),
    ...(texts.targetFilePath ?? []),
  ];
}
