import { decodePolicy } from '../../proto/ts/policy/decode.js';
import {
  type BehaviourChange,
  type ChangedResponse,
  diffPolicies,
  type PolicyDiff,
} from '../../proto/ts/policy/diff/diff.js';
import { parsePolicy } from '../../proto/ts/policy/parse.js';
import type { PolicyPlaces } from '../../proto/ts/policy/places.js';
import { unifiedDiff } from './unified-diff.js';

export interface PolicyText {
  readonly source: string;
  /** Canonical bytes. */
  readonly normalised: Uint8Array;
}

/** What two texts of a policy differ in, as JSON has it. */
export interface PolicyComparison extends Omit<PolicyDiff, 'changes'> {
  readonly changes: readonly ComparedChange[];
  /** Of the texts, in the unified format; '' where there is none. */
  readonly text: string;
}

/** Without an example: `bulkhead policy diff` has one. */
export interface ComparedChange extends Omit<BehaviourChange, 'example' | 'responses'> {
  readonly responses: readonly PlacedResponse[];
}

/** In the text that does it: of the later policy where it is newly done, else of the earlier one. */
export interface PlacedResponse extends ChangedResponse {
  readonly line?: number;
  readonly column?: number;
}

/** Rather less than all that can happen looked at than no answer in time. */
const MAX_STEPS = 2_000_000;

/**
 * Takes from a millisecond to half a minute: see policy-comparer.ts.
 * @throws AutomatonTooLarge, BulkheadError BUNDLE_NOT_LOADED
 */
export function comparePolicies(
  name: string,
  before: PolicyText,
  after: PolicyText,
): PolicyComparison {
  const [former, latter] = [decodePolicy(before.normalised), decodePolicy(after.normalised)];
  const { changes, ...diff } = diffPolicies(former, latter, { maxSteps: MAX_STEPS });
  const places = { newly: placesOf(after), 'no-longer': placesOf(before) };
  return {
    ...diff,
    changes: changes.map(({ example: _example, responses, ...change }) => ({
      ...change,
      responses: responses.map((response) => ({
        ...response,
        ...placeOf(places[change.direction], change, response),
      })),
    })),
    text: unifiedDiff(name, before.source, after.source),
  };
}

/** undefined: the text of an old version may have another form than this parser knows. */
function placesOf({ source }: PolicyText): PolicyPlaces | undefined {
  return parsePolicy(source).places;
}

function placeOf(
  places: PolicyPlaces | undefined,
  { section }: Pick<BehaviourChange, 'section'>,
  { response }: ChangedResponse,
) {
  const place = places?.[section]?.responses[response];
  return place && { line: place.line, column: place.column };
}
