import { BulkheadError } from '../wire/errors.js';
import {
  type Action,
  type BundledPolicy,
  type ContainerFacts,
  EXECUTABLE_ORIGINS,
  type ExecutableOrigin,
  OPERATIONS,
  type Operation,
  type PolicyResponse,
  type PolicySection,
  type PolicySelector,
  type SectionName,
  type UnknownContainer,
} from './model.js';

/** What of a selector is left for the kernel to decide, once the container is known. */
export interface BoundSelector {
  readonly operations: readonly Operation[];
  /** Empty: any. */
  readonly origins: readonly ExecutableOrigin[];
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
  /** Bit n: selector n of the bound set. */
  readonly match: bigint;
  readonly exclude: bigint;
  readonly actions: readonly Action[];
  /** A block is judged and recorded as would_block; only ever true beside `block`. */
  readonly observe: boolean;
  readonly ref: ResponseRef;
}

/** The policies of one container, with everything settled that its facts settle. */
export interface BoundSet {
  readonly selectors: readonly BoundSelector[];
  readonly responses: readonly BoundResponse[];
}

/** Selectors and responses that a node's table holds per bound set (bpf/include/abi.h). */
export const BOUND_SET_LIMITS = { selectors: 64, responses: 64 } as const;

/** Three-valued: undefined where the facts that would decide have not arrived. */
type Truth = boolean | undefined;
type Judge = (selector: PolicySelector) => Truth;

/**
 * Binds policies to a container; `facts` undefined is a container that nothing is known about yet.
 * Selectors that the facts make false are left out, and so are responses that can then never fire;
 * selectors that ask the kernel the same share a bit. Two containers with equal sets share a table.
 * @throws BulkheadError BUNDLE_NOT_LOADED when the set does not fit a node's table
 */
export function bindPolicies(
  policies: readonly BundledPolicy[],
  facts: ContainerFacts | undefined,
): BoundSet {
  const set = bindAll(policies, (selector) => judge(selector, facts));
  const { selectors, responses } = set;
  if (!fits(set)) {
    throw new BulkheadError(
      'BUNDLE_NOT_LOADED',
      'the policies of one container need more selectors or responses than a node holds',
      { details: { selectors: selectors.length, responses: responses.length, BOUND_SET_LIMITS } },
    );
  }
  return set;
}

export interface TableNeed {
  readonly selectors: number;
  readonly responses: number;
  readonly fits: boolean;
}

/**
 * The most that any container can need of these policies: what the control plane checks before a
 * node has to. An upper bound: it takes every condition on a container as met.
 */
export function tableNeed(policies: readonly BundledPolicy[]): TableNeed {
  const set = bindAll(policies, () => true);
  return {
    selectors: set.selectors.length,
    responses: set.responses.length,
    fits: fits(set),
  };
}

function fits(set: BoundSet): boolean {
  return (
    set.selectors.length <= BOUND_SET_LIMITS.selectors &&
    set.responses.length <= BOUND_SET_LIMITS.responses
  );
}

function bindAll(policies: readonly BundledPolicy[], judgeSelector: Judge): BoundSet {
  const selectors = new SelectorTable();
  const responses: BoundResponse[] = [];
  for (const bundled of policies) {
    const { policy } = bundled;
    for (const [section, content] of sectionsOf(bundled)) {
      const bits = content.selectors.map((selector) =>
        settle(judgeSelector(selector), policy.unknownContainer) ? selector : undefined,
      );
      content.responses.forEach((response, index) => {
        const bound = bindResponse(bundled, section, content, response, index, bits, selectors);
        if (bound) responses.push(bound);
      });
    }
  }
  return { selectors: selectors.list, responses };
}

function sectionsOf({ policy }: BundledPolicy): [SectionName, PolicySection][] {
  const sections: [SectionName, PolicySection][] = [];
  if (policy.process) sections.push(['process', policy.process]);
  if (policy.file) sections.push(['file', policy.file]);
  return sections;
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
    match: table.maskOf(matching),
    exclude: table.maskOf(excluding),
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

/** The part of a selector that a container's facts decide. */
function judge(selector: PolicySelector, facts: ContainerFacts | undefined): Truth {
  const { containerImageFullNames, containerImageNames } = selector;
  return every([
    anyOf(containerImageFullNames, facts?.imageFullName),
    anyOf(containerImageNames, facts && imageBaseName(facts.imageFullName)),
  ]);
}

/** One list of values against one fact: an empty list is no condition. */
function anyOf(values: readonly string[], fact: string | undefined): Truth {
  if (values.length === 0) return true;
  return fact === undefined ? undefined : values.includes(fact);
}

/** Kleene's AND: false wins over unknown. */
function every(truths: readonly Truth[]): Truth {
  if (truths.includes(false)) return false;
  return truths.includes(undefined) ? undefined : true;
}

/** An unknown selector counts the same in match and in exclude: `enforce` takes it as matching. */
function settle(truth: Truth, unknownContainer: UnknownContainer): boolean {
  return truth ?? unknownContainer === 'enforce';
}

/** The last component of an image's path. */
export function imageBaseName(fullName: string): string {
  return fullName.slice(fullName.lastIndexOf('/') + 1);
}

/** Gives each distinct question one bit. */
class SelectorTable {
  readonly list: BoundSelector[] = [];
  readonly #bits = new Map<number, bigint>();

  maskOf(selectors: readonly PolicySelector[]): bigint {
    return selectors.reduce((mask, selector) => mask | this.#bitOf(selector), 0n);
  }

  #bitOf(selector: PolicySelector): bigint {
    const key = operationBits(selector.operations) | (originBits(selector.executableOrigins) << 8);
    const known = this.#bits.get(key);
    if (known !== undefined) return known;
    const bit = 1n << BigInt(this.list.length);
    this.list.push({ operations: selector.operations, origins: selector.executableOrigins });
    this.#bits.set(key, bit);
    return bit;
  }
}

/** fork 1, exec 2. */
export function operationBits(operations: readonly Operation[]): number {
  return operations.reduce((bits, operation) => bits | (1 << (OPERATIONS[operation] - 1)), 0);
}

/** image 1, writable 2, memory 4, volume 8, unknown 16; 0: no condition. */
export function originBits(origins: readonly ExecutableOrigin[]): number {
  return origins.reduce((bits, origin) => bits | (1 << (EXECUTABLE_ORIGINS[origin] - 1)), 0);
}
