import { BulkheadError } from '../wire/errors.js';
import type { Capability } from './capabilities.js';
import { every, judgeFacts, type Truth } from './facts.js';
import { escapeGlob } from './glob.js';
import type {
  Action,
  BundledPolicy,
  ContainerFacts,
  ExecutableOrigin,
  Operation,
  PolicyResponse,
  PolicySection,
  PolicySelector,
  SectionName,
  UnknownContainer,
  UserIdRange,
} from './model.js';
import { SECTION_NAMES } from './model.js';
import { utf8Length } from './source-text.js';

/** What of a selector is left to decide about an event, once the container is known. Empty: any. */
export interface BoundSelector {
  readonly operations: readonly Operation[];
  readonly origins: readonly ExecutableOrigin[];
  /** Indexes into the set's lists of path patterns. */
  readonly executable: number | undefined;
  readonly parentExecutable: number | undefined;
  readonly target: number | undefined;
  /** Index into the set's lists of argument patterns. */
  readonly args: number | undefined;
  readonly userIds: readonly UserIdRange[];
  readonly capabilities: readonly Capability[];
  readonly interactive: boolean | undefined;
  readonly ignoreVolumes: 'mounts' | 'files' | undefined;
  /** Whether `executable` came from processName: it is told under that name. */
  readonly byName: boolean;
}

/** Names the response in events and alerts (bulkhead.v1.ResponseRef). */
export interface ResponseRef {
  readonly policyId: string;
  readonly policyVersion: number;
  readonly policyName: string;
  readonly section: SectionName;
  /** Index of the response in its section. */
  readonly response: number;
  /** Names of all selectors of its match list. */
  readonly selectors: readonly string[];
  readonly actions: readonly Action[];
}

export interface BoundResponse {
  /** Indexes of selectors of the bound set, rising. */
  readonly match: readonly number[];
  readonly exclude: readonly number[];
  readonly actions: readonly Action[];
  /** A block is judged and recorded as would_block; only ever true beside `block`. */
  readonly observe: boolean;
  readonly ref: ResponseRef;
}

/** The policies of one container, with everything settled that its facts settle. */
export interface BoundSet {
  readonly selectors: readonly BoundSelector[];
  readonly responses: readonly BoundResponse[];
  /** Each sorted, one for each distinct question about a path. */
  readonly pathLists: readonly (readonly string[])[];
  readonly argLists: readonly (readonly string[])[];
}

/** What a bound set may hold: what one policy at its limits can need. */
export const BOUND_SET_LIMITS = { selectors: 2048, responses: 2048 } as const;

type Judge = (selector: PolicySelector) => Truth;

/**
 * Binds policies to a container; `facts` undefined is a container that nothing is known about yet.
 * Selectors that the facts make false are left out, and so are responses that can then never fire;
 * selectors that ask the same of an event are one. Two containers with equal sets share a table.
 * @throws BulkheadError BUNDLE_NOT_LOADED when the set is larger than BOUND_SET_LIMITS
 */
export function bindPolicies(
  policies: readonly BundledPolicy[],
  facts: ContainerFacts | undefined,
): BoundSet {
  const set = bindWith(policies, (selector) =>
    every(judgeFacts(selector, facts).map(({ truth }) => truth)),
  );
  const { selectors, responses } = set;
  if (
    selectors.length > BOUND_SET_LIMITS.selectors ||
    responses.length > BOUND_SET_LIMITS.responses
  ) {
    throw new BulkheadError(
      'BUNDLE_NOT_LOADED',
      'the policies of one container need more selectors or responses than a set may hold',
      { details: { selectors: selectors.length, responses: responses.length, BOUND_SET_LIMITS } },
    );
  }
  return set;
}

/**
 * The set of a container of which every condition on it is met: no container needs more. For
 * whoever has to know whether policies fit before there is a container.
 */
export function bindLargest(policies: readonly BundledPolicy[]): BoundSet {
  return bindWith(policies, () => true);
}

function bindWith(policies: readonly BundledPolicy[], judge: Judge): BoundSet {
  const table = new SelectorTable();
  const responses: BoundResponse[] = [];
  for (const bundled of policies) {
    const { policy } = bundled;
    for (const section of SECTION_NAMES) {
      const content = policy[section];
      if (!content) continue;
      const live = content.selectors.map((selector) =>
        settle(judge(selector), policy.unknownContainer) ? selector : undefined,
      );
      content.responses.forEach((response, index) => {
        const bound = bindResponse(bundled, section, content, response, index, live, table);
        if (bound) responses.push(bound);
      });
    }
  }
  return {
    selectors: table.list,
    responses,
    pathLists: table.paths.list,
    argLists: table.args.list,
  };
}

/** undefined: it can never fire in this container. */
function bindResponse(
  bundled: BundledPolicy,
  section: SectionName,
  content: PolicySection,
  response: PolicyResponse,
  index: number,
  live: readonly (PolicySelector | undefined)[],
  table: SelectorTable,
): BoundResponse | undefined {
  const matching = response.match.flatMap((at) => live[at] ?? []);
  if (matching.length === 0) return undefined;
  const excluding = response.exclude.flatMap((at) => live[at] ?? []);
  return {
    match: table.indexesOf(matching),
    exclude: table.indexesOf(excluding),
    actions: response.actions,
    observe: bundled.mode === 'observe' && response.actions.includes('block'),
    ref: {
      policyId: bundled.policyId,
      policyVersion: bundled.version,
      policyName: bundled.name,
      section,
      response: index,
      selectors: response.match.flatMap((at) => content.selectors[at]?.name ?? []),
      actions: response.actions,
    },
  };
}

/** An unknown selector counts the same in match and in exclude: `enforce` takes it as matching. */
export function settle(truth: Truth, unknownContainer: UnknownContainer): boolean {
  return truth ?? unknownContainer === 'enforce';
}

/** What of selectors is left to decide about an event; each distinct question has one index. */
export class SelectorTable {
  readonly list: BoundSelector[] = [];
  readonly paths = new ListTable();
  readonly args = new ListTable();
  readonly #indexes = new Map<string, number>();

  indexesOf(selectors: readonly PolicySelector[]): number[] {
    const indexes = new Set(selectors.map((selector) => this.indexOf(selector)));
    return [...indexes].sort((a, b) => a - b);
  }

  indexOf(selector: PolicySelector): number {
    const bound = this.#bind(selector);
    const key = JSON.stringify(bound);
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    const index = this.list.length;
    this.list.push(bound);
    this.#indexes.set(key, index);
    return index;
  }

  #bind({ operations, executableOrigins, texts, flags, ...rest }: PolicySelector): BoundSelector {
    const names = texts.processName;
    const executables = texts.processExecutable ?? names?.flatMap(patternsOfName);
    return {
      operations,
      origins: executableOrigins,
      executable: this.paths.indexOf(executables),
      parentExecutable: this.paths.indexOf(texts.parentExecutable),
      target: this.paths.indexOf(texts.targetFilePath),
      args: this.args.indexOf(texts.processArgs),
      userIds: rest.userIds,
      capabilities: rest.capabilities,
      interactive: flags.sessionLeaderInteractive,
      ignoreVolumes: flags.ignoreVolumeMounts
        ? 'mounts'
        : flags.ignoreVolumeFiles
          ? 'files'
          : undefined,
      byName: names !== undefined,
    };
  }
}

class ListTable {
  readonly list: (readonly string[])[] = [];
  readonly #indexes = new Map<string, number>();

  indexOf(values: readonly string[] | undefined): number | undefined {
    if (values === undefined) return undefined;
    const sorted = [...new Set(values)].sort();
    const key = JSON.stringify(sorted);
    const known = this.#indexes.get(key);
    if (known !== undefined) return known;
    this.#indexes.set(key, this.list.length);
    this.list.push(sorted);
    return this.list.length - 1;
  }
}

/** The kernel's name of a task is cut at 15 bytes, and people write what they saw. */
const CUT_NAME_BYTES = 15;

export function patternsOfName(name: string): string[] {
  const pattern = `/**/${escapeGlob(name)}`;
  return utf8Length(name) === CUT_NAME_BYTES ? [pattern, `${pattern}*`] : [pattern];
}
