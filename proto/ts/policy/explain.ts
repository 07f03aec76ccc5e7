import { bindPolicies, type ResponseRef, SelectorTable, settle } from './bind.js';
import { CAPABILITIES } from './capabilities.js';
import type { PathBytes, PolicyEvent } from './event.js';
import { type EventCondition, eventConditions } from './event-conditions.js';
import { every, judgeFacts, type Truth } from './facts.js';
import type { ConditionName } from './language.js';
import { Matcher, type MatchResult } from './match.js';
import {
  type Action,
  type BundledPolicy,
  type ContainerFacts,
  type PolicySection,
  type PolicySelector,
  SECTION_NAMES,
  type SectionName,
} from './model.js';
import { type PathMatches, PathReader } from './path-matches.js';

/** unknown: the container's facts have not arrived. undecided: it could not be read of the event. */
export type Verdict = 'true' | 'false' | 'unknown' | 'undecided';

export interface ExplainedCondition {
  readonly condition: ConditionName;
  /** What the selector asks for. */
  readonly wanted: readonly string[];
  /** What the container or the event has; undefined: nothing is known of it. */
  readonly actual: string | undefined;
  readonly verdict: Verdict;
}

export interface ExplainedSelector {
  readonly name: string;
  /** What it counts as, in match and in exclude. */
  readonly matches: boolean;
  readonly conditions: readonly ExplainedCondition[];
}

export interface ExplainedResponse {
  /** Index in the normalised section. */
  readonly response: number;
  readonly fired: boolean;
  readonly actions: readonly Action[];
  /** Names of selectors, those that match and those that do not. */
  readonly match: { readonly matching: readonly string[]; readonly others: readonly string[] };
  readonly exclude: { readonly matching: readonly string[]; readonly others: readonly string[] };
}

export interface ExplainedSection {
  readonly policyName: string;
  readonly section: SectionName;
  readonly selectors: readonly ExplainedSelector[];
  readonly responses: readonly ExplainedResponse[];
}

export interface Explanation {
  readonly result: Omit<MatchResult, 'fired'> & { readonly fired: readonly ResponseRef[] };
  /** Those that the event's operations belong to. */
  readonly sections: readonly ExplainedSection[];
}

/**
 * Why policies do what they do about an event. An event of several operations is explained for each: give
 * it one at a time.
 * @throws AutomatonTooLarge, BulkheadError BUNDLE_NOT_LOADED
 */
export function explain(
  policies: readonly BundledPolicy[],
  facts: ContainerFacts | undefined,
  event: PolicyEvent,
): Explanation {
  const set = bindPolicies(policies, facts);
  const { fired, ...result } = new Matcher(set).match(event);
  const sections = policies.flatMap((bundled) =>
    SECTION_NAMES.flatMap((section) => {
      const content = bundled.policy[section];
      if (!content || !isAbout(content, event)) return [];
      return [explainSection(bundled, section, content, facts, event)];
    }),
  );
  return {
    result: { ...result, fired: fired.flatMap((index) => set.responses[index]?.ref ?? []) },
    sections,
  };
}

function isAbout({ selectors }: PolicySection, { operations }: PolicyEvent): boolean {
  return selectors.some((one) => operations.some((word) => one.operations.includes(word)));
}

function explainSection(
  bundled: BundledPolicy,
  section: SectionName,
  content: PolicySection,
  facts: ContainerFacts | undefined,
  event: PolicyEvent,
): ExplainedSection {
  const table = new SelectorTable();
  const indexes = content.selectors.map((selector) => table.indexOf(selector));
  const reader = new PathReader(table.paths.list);
  const paths = reader.read(event, { executable: true, parentExecutable: true, target: true });
  const selectors = content.selectors.map((selector, at): ExplainedSelector => {
    const bound = table.list[indexes[at] ?? 0];
    const ofEvent = bound ? eventConditions(bound, table.args.list) : [];
    const conditions = explainConditions(selector, ofEvent, facts, event, paths);
    const known = every(judgeFacts(selector, facts).map(({ truth }) => truth));
    const aboutEvent = conditions.filter(({ verdict }) => verdict !== 'unknown');
    const matches =
      settle(known, bundled.policy.unknownContainer) &&
      aboutEvent.every(({ verdict }) => verdict === 'true');
    return { name: selector.name, matches, conditions };
  });
  const responses = content.responses.map(({ match, exclude, actions }, response) => {
    const matched = splitByMatch(match, selectors);
    const excluded = splitByMatch(exclude, selectors);
    const fired = matched.matching.length > 0 && excluded.matching.length === 0;
    return { response, fired, actions, match: matched, exclude: excluded };
  });
  return { policyName: bundled.name, section, selectors, responses };
}

function splitByMatch(
  indexes: readonly number[],
  selectors: readonly ExplainedSelector[],
): { matching: string[]; others: string[] } {
  const named = indexes.flatMap((at) => selectors[at] ?? []);
  return {
    matching: named.filter(({ matches }) => matches).map(({ name }) => name),
    others: named.filter(({ matches }) => !matches).map(({ name }) => name),
  };
}

function explainConditions(
  selector: PolicySelector,
  ofEvent: readonly EventCondition[],
  facts: ContainerFacts | undefined,
  event: PolicyEvent,
  paths: PathMatches,
): ExplainedCondition[] {
  const happens = event.operations.some((word) => selector.operations.includes(word));
  return [
    {
      condition: 'operation',
      wanted: selector.operations,
      actual: event.operations.join(', '),
      verdict: verdictOf(happens, 'undecided'),
    },
    ...judgeFacts(selector, facts).map(({ condition, truth, actual }) => ({
      condition,
      wanted: wantedBy(selector, condition),
      actual: actual?.toString(),
      verdict: verdictOf(truth, 'unknown'),
    })),
    ...ofEvent.map(({ condition, judge }) => ({
      condition,
      wanted: wantedBy(selector, condition),
      actual: actualOf(condition, event),
      verdict: verdictOf(judge(event, paths), 'undecided'),
    })),
  ];
}

function verdictOf(truth: Truth, otherwise: 'unknown' | 'undecided'): Verdict {
  if (truth === undefined) return otherwise;
  return truth ? 'true' : 'false';
}

/** What a selector asks for under a condition, as the document could say it. */
export function wantedBy(selector: PolicySelector, condition: ConditionName): readonly string[] {
  switch (condition) {
    case 'operation':
      return selector.operations;
    case 'executableOrigin':
      return selector.executableOrigins;
    case 'processUserId':
      return selector.userIds.map(({ first, last }) =>
        first === last ? `${first}` : `${first}-${last}`,
      );
    case 'processCapability':
      return selector.capabilities;
    case 'containerPrivileged':
    case 'sessionLeaderInteractive':
    case 'ignoreVolumeMounts':
    case 'ignoreVolumeFiles':
      return selector.flags[condition] === undefined ? [] : [`${selector.flags[condition]}`];
    default:
      return selector.texts[condition] ?? [];
  }
}

function actualOf(condition: ConditionName, event: PolicyEvent): string | undefined {
  switch (condition) {
    case 'executableOrigin':
      return event.origin;
    case 'sessionLeaderInteractive':
      return event.interactive?.toString();
    case 'ignoreVolumeMounts':
    case 'ignoreVolumeFiles':
      return event.targetVolume;
    case 'processExecutable':
    case 'processName':
      return pathText(event.executable);
    case 'parentExecutable':
      return pathText(event.parentExecutable);
    case 'targetFilePath':
      return pathText(event.targetPath);
    case 'processUserId':
      return event.userId?.toString();
    case 'processCapability':
      return event.capabilities === undefined ? undefined : capabilityNames(event.capabilities);
    case 'processArgs':
      return event.args?.join(' ');
    default:
      return undefined;
  }
}

function pathText(path: PathBytes | undefined): string | undefined {
  return typeof path === 'object' ? new TextDecoder().decode(path) : path;
}

function capabilityNames(mask: bigint): string {
  return CAPABILITIES.filter((_, number) => ((mask >> BigInt(number)) & 1n) === 1n).join(', ');
}
