import { bindPolicies } from '../bind.js';
import type { PolicyEvent } from '../event.js';
import { OPERATION_WORDS } from '../language.js';
import { Matcher } from '../match.js';
import type {
  Action,
  ContainerFacts,
  Operation,
  Policy,
  PolicyResponse,
  PolicySelector,
  SectionName,
} from '../model.js';
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

/**
 * What one section of a policy, enforced, does about witnesses. Responses fire each on its own, so each
 * has matchers of its own: they are small, and most serve many containers.
 */
export class Judge {
  readonly #policy: Policy;
  readonly #section: SectionName;
  /** By response and container, and by what is left of a response in a container. */
  readonly #matchers = new Map<string, Matcher>();

  constructor(policy: Policy, section: SectionName) {
    this.#policy = policy;
    this.#section = section;
  }

  /**
   * Whether it acts so; `only`: by one of these responses.
   * @throws AutomatonTooLarge, BulkheadError BUNDLE_NOT_LOADED
   */
  does(action: Action, { event, facts }: Witness, only?: readonly number[]): boolean {
    const { selectors = [], responses = [] } = this.#policy[this.#section] ?? {};
    const isAbout = ({ operations }: PolicySelector): boolean =>
      operations.some((word) => event.operations.includes(word));
    const container = JSON.stringify(facts);
    return (only ?? [...responses.keys()]).some((index) => {
      const response = responses[index];
      if (!response?.actions.includes(action)) return false;
      if (!response.match.some((at) => selectors[at] && isAbout(selectors[at]))) return false;
      const key = `${index} ${container}`;
      const matcher = this.#matchers.get(key) ?? this.#matcherOf(response, facts);
      this.#matchers.set(key, matcher);
      return matcher.match(event).actions.includes(action);
    });
  }

  #matcherOf(response: PolicyResponse, facts: ContainerFacts | undefined): Matcher {
    const { selectors = [] } = this.#policy[this.#section] ?? {};
    // Only with the selectors that it names, since all of a policy are bound.
    const named = [...response.match, ...response.exclude];
    const alone = {
      selectors: named.flatMap((at) => selectors[at] ?? []),
      responses: [
        {
          match: response.match.map((_, at) => at),
          exclude: response.exclude.map((_, at) => response.match.length + at),
          actions: response.actions,
        },
      ],
    };
    const policy = { [this.#section]: alone, unknownContainer: this.#policy.unknownContainer };
    const bundled = { policyId: '', version: 1, name: '', mode: 'enforce', policy } as const;
    const set = bindPolicies([bundled], facts);
    const key = JSON.stringify(set);
    const matcher = this.#matchers.get(key) ?? new Matcher(set);
    this.#matchers.set(key, matcher);
    return matcher;
  }
}
