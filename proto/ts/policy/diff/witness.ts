import { bindPolicies } from '../bind.js';
import type { PolicyEvent } from '../event.js';
import { OPERATION_WORDS } from '../language.js';
import { Matcher } from '../match.js';
import type { Action, ContainerFacts, Operation, Policy } from '../model.js';
import type { Difference } from './compare.js';
import { ordinarySample, type Sample } from './sample.js';

/** An event in a container. */
export interface Witness {
  readonly event: PolicyEvent;
  /** undefined: nothing is known of the container. */
  readonly facts: ContainerFacts | undefined;
}

export function witnessOf({ state, pass, operation }: Difference): Witness {
  const sample = ordinarySample();
  for (const possible of state.values()) possible.put(sample);
  return {
    event: eventOf(sample, operation),
    facts: pass.facts === 'nothing' ? undefined : sample.facts,
  };
}

/** With what events of the operation's section have. */
function eventOf({ event }: Sample, operation: Operation): PolicyEvent {
  const { executable, userId, capabilities, ...rest } = event;
  const common = { operations: [operation], executable, userId, capabilities };
  if (OPERATION_WORDS[operation].section === 'file') {
    return { ...common, targetPath: rest.targetPath, targetVolume: rest.targetVolume };
  }
  const { parentExecutable, origin, args, interactive } = rest;
  return { ...common, parentExecutable, origin, args, interactive };
}

/** What a policy, enforced, does about witnesses; matchers are kept for containers that are equal to it. */
export class Judge {
  readonly #policy: Policy;
  readonly #byFacts = new Map<string, Matcher>();
  readonly #bySet = new Map<string, Matcher>();

  constructor(policy: Policy) {
    this.#policy = policy;
  }

  /** @throws AutomatonTooLarge, BulkheadError BUNDLE_NOT_LOADED */
  actions({ event, facts }: Witness): readonly Action[] {
    const key = JSON.stringify(facts) ?? '';
    const matcher = this.#byFacts.get(key) ?? this.#matcherOf(facts);
    this.#byFacts.set(key, matcher);
    return matcher.match(event).actions;
  }

  #matcherOf(facts: ContainerFacts | undefined): Matcher {
    const bundled = { policyId: '', version: 1, name: '', mode: 'enforce' } as const;
    const set = bindPolicies([{ ...bundled, policy: this.#policy }], facts);
    const { selectors, pathLists, argLists } = set;
    const responses = set.responses.map(({ match, exclude, actions }) => [match, exclude, actions]);
    const key = JSON.stringify([selectors, responses, pathLists, argLists]);
    const known = this.#bySet.get(key);
    if (known) return known;
    const matcher = new Matcher(set);
    this.#bySet.set(key, matcher);
    return matcher;
  }
}
