import { operationsOf } from '../language.js';
import { ACTIONS, type Action, type Operation, type Policy, type SectionName } from '../model.js';
import type { Pass } from './dimension.js';
import { QuestionTable } from './questions.js';
import {
  concerning,
  groupResponses,
  isCovered,
  type ResponseGroup,
  unequalResponses,
} from './responses.js';
import type { Budget, State } from './search.js';
import { type Finding, Space } from './space.js';

/** Responses of one policy do something that the other policy does not. */
export interface Difference {
  readonly direction: 'newly' | 'no-longer';
  readonly action: Action;
  readonly operation: Operation;
  /** Indexes in the section of the policy that does it. */
  readonly responses: readonly number[];
  readonly pass: Pass;
  /** What an event and its container are where it is so. */
  readonly state: State;
  /** The other policy never does it where these responses fire. */
  readonly whole: boolean;
}

export interface Comparison {
  readonly differences: readonly Difference[];
  readonly complete: boolean;
}

/** Whether the policies differ so by the matcher. */
export type IsReal = (difference: Difference) => boolean;

/** Where all of a container is known. */
const ORDINARY: readonly Pass[] = [
  { unreadable: false, facts: 'known' },
  { unreadable: true, facts: 'known' },
];
const NOTHING_KNOWN: readonly Pass[] = [
  { unreadable: false, facts: 'nothing' },
  { unreadable: true, facts: 'nothing' },
];
const SOME_KNOWN: readonly Pass[] = [{ unreadable: true, facts: 'some' }];

const NONE: ReadonlySet<number> = new Set();

/** Compares one section of two policies. */
export function compareSections(
  before: Policy,
  after: Policy,
  section: SectionName,
  budget: Budget,
  isReal: IsReal,
): Comparison {
  return new SectionComparison(before, after, section, budget, isReal).run();
}

/** What one policy does that the other does not is asked of both sides in turn. */
interface Side {
  readonly direction: Difference['direction'];
  readonly groups: readonly ResponseGroup[];
}

/** One question: where does the group fire, and none of the others? */
interface Asked extends Pick<Difference, 'direction' | 'action' | 'operation' | 'responses'> {
  readonly group: ResponseGroup;
  readonly others: readonly ResponseGroup[];
  /** The same in the reduced space. */
  readonly reduced: {
    readonly group: ResponseGroup | undefined;
    readonly others: readonly ResponseGroup[];
  };
}

class SectionComparison {
  readonly #isReal: IsReal;
  readonly #policies: readonly [Policy, Policy];
  readonly #section: SectionName;
  readonly #full: Space;
  readonly #sides: readonly [Side, Side];
  /**
   * Only of responses that the other policy does not have as they are, mostly far smaller. Where nothing
   * is found there, nothing is in the full space; what is found may be undone by the other responses.
   */
  readonly #reduced: Space;
  readonly #reducedSides: readonly [Side, Side];
  readonly #differences: Difference[] = [];
  #complete = true;

  constructor(before: Policy, after: Policy, section: SectionName, budget: Budget, isReal: IsReal) {
    this.#isReal = isReal;
    this.#policies = [before, after];
    this.#section = section;
    const table = new QuestionTable();
    this.#full = new Space(table, budget);
    this.#sides = this.#sidesIn(table);
    const [{ groups: former }, { groups: latter }] = this.#sides;
    const unequal = [unequalResponses(former, latter), unequalResponses(latter, former)] as const;
    const reducedTable = new QuestionTable();
    this.#reduced = new Space(reducedTable, budget);
    const count = (groups: readonly ResponseGroup[]): number =>
      groups.reduce((sum, { responses }) => sum + responses.length, 0);
    const isWorthIt = 2 * (unequal[0].size + unequal[1].size) < count(former) + count(latter);
    this.#reducedSides = this.#sidesIn(reducedTable, isWorthIt ? unequal : [NONE, NONE]);
  }

  run(): Comparison {
    for (const operations of this.#operationClasses()) {
      this.#compare(0, 1, operations);
      this.#compare(1, 0, operations);
    }
    return { differences: this.#differences, complete: this.#complete };
  }

  #sidesIn(
    table: QuestionTable,
    only?: readonly [ReadonlySet<number>, ReadonlySet<number>],
  ): readonly [Side, Side] {
    const groupsOf = (at: 0 | 1): ResponseGroup[] => {
      const policy = this.#policies[at];
      return groupResponses(policy[this.#section], policy.unknownContainer, table, only?.[at]);
    };
    return [
      { direction: 'no-longer', groups: groupsOf(0) },
      { direction: 'newly', groups: groupsOf(1) },
    ];
  }

  /** Operations that every selector names together, or not at all. */
  #operationClasses(): Operation[][] {
    const selectors = this.#policies.flatMap((policy) => policy[this.#section]?.selectors ?? []);
    const classes = new Map<string, Operation[]>();
    for (const operation of operationsOf(this.#section)) {
      const key = selectors.map((one) => one.operations.includes(operation)).join();
      if (!key.includes('true')) continue;
      classes.set(key, [...(classes.get(key) ?? []), operation]);
    }
    return [...classes.values()];
  }

  /** What the policy at `doing` does and that at `other` does not. */
  #compare(doing: 0 | 1, other: 0 | 1, operations: readonly Operation[]): void {
    const [operation] = operations;
    if (!operation) return;
    const groupsOf = (sides: readonly [Side, Side], at: 0 | 1): ResponseGroup[] =>
      sides[at].groups.map((group) => concerning(group, operation));
    const others = groupsOf(this.#sides, other);
    const reducedOthers = groupsOf(this.#reducedSides, other);
    const reducedGroups = groupsOf(this.#reducedSides, doing);
    for (const group of groupsOf(this.#sides, doing)) {
      if (group.match.length === 0) continue;
      const answers = new Map<string, readonly Difference[]>();
      for (const action of actionWords()) {
        const responses = responsesWith(group, action);
        if (responses.length === 0) continue;
        const does = (one: ResponseGroup): boolean => responsesWith(one, action).length > 0;
        const against = others.filter(does);
        // Often the other policy has the same responses for two actions.
        const key = JSON.stringify([responses, against.map((one) => others.indexOf(one))]);
        const answer =
          answers.get(key) ??
          this.#ask({
            ...{ action, operation, responses, group, others: against },
            direction: this.#sides[doing].direction,
            reduced: {
              group: reducedGroups.find((one) => firstIndex(one) === firstIndex(group)),
              others: reducedOthers.filter(does),
            },
          });
        answers.set(key, answer);
        for (const one of operations) {
          this.#differences.push(
            ...answer.map((difference) => ({ ...difference, action, operation: one })),
          );
        }
      }
    }
  }

  #ask(asked: Asked): Difference[] {
    const { group, others } = asked;
    const covering = others.filter((other) => isCovered(group, other));
    const known = covering.length > 0 ? undefined : this.#find(asked, ORDINARY);
    const differences = known ? [known] : [];
    const isAboutFacts = [group, ...others].some((one) => one.aboutFacts);
    const [before, after] = this.#policies;
    const settlesTheSame = before.unknownContainer === after.unknownContainer;
    const isCoveredUnknown = covering.some((other) => settlesTheSame || !other.aboutFacts);
    if (!isAboutFacts || isCoveredUnknown) return differences;
    // What is newly done in every container is not told again for unknown ones.
    if (known && (settlesTheSame || !group.aboutFacts)) return differences;
    const passes = known ? NOTHING_KNOWN : [...NOTHING_KNOWN, ...SOME_KNOWN];
    const unknown = this.#find(asked, passes);
    return unknown ? [...differences, unknown] : differences;
  }

  #find(asked: Asked, passes: readonly Pass[]): Difference | undefined {
    const { group, others, reduced } = asked;
    if (reduced.group) {
      const finding = this.#reduced.findOnly(reduced.group, reduced.others, passes);
      if (finding.complete && !finding.found) return undefined;
      const difference = finding.complete ? this.#realOf(asked, finding) : undefined;
      if (difference) return difference;
    }
    const finding = this.#full.findOnly(group, others, passes);
    const difference = this.#realOf(asked, finding);
    if (!difference && (finding.found || !finding.complete)) this.#complete = false;
    return difference;
  }

  /** The matcher has the last word. */
  #realOf(asked: Asked, { found }: Finding): Difference | undefined {
    if (!found) return undefined;
    const { direction, action, operation, responses } = asked;
    const difference = { direction, action, operation, responses, ...found, whole: false };
    if (!this.#isReal(difference)) return undefined;
    return { ...difference, whole: this.#isWhole(asked, found.pass) };
  }

  #isWhole({ group, others, reduced }: Asked, pass: Pass): boolean {
    if (pass.unreadable || pass.facts !== 'known') return false;
    const meets = reduced.group && this.#reduced.everMeets(reduced.group, reduced.others, pass);
    return meets !== true && this.#full.everMeets(group, others, pass) === false;
  }
}

function responsesWith({ responses }: ResponseGroup, action: Action): number[] {
  return responses.filter(({ actions }) => actions.includes(action)).map(({ index }) => index);
}

function firstIndex({ responses }: ResponseGroup): number | undefined {
  return responses[0]?.index;
}

function actionWords(): Action[] {
  return Object.keys(ACTIONS).filter((word): word is Action => Object.hasOwn(ACTIONS, word));
}
