import { CAPABILITIES, type Capability, capabilityNumber } from './capabilities.js';
import {
  ACTIONS,
  type BundledPolicy,
  EXECUTABLE_ORIGINS,
  FLAG_CONDITIONS,
  type FlagCondition,
  OPERATIONS,
  POLICY_MODES,
  type Policy,
  type PolicyBundle,
  type PolicyResponse,
  type PolicySection,
  type PolicySelector,
  TEXT_CONDITIONS,
  type TextCondition,
  UNKNOWN_CONTAINER,
  type UserIdRange,
} from './model.js';
import {
  createWriter,
  type Writer,
  writeMessage,
  writePacked,
  writeString,
  writeStrings,
  writeUint32,
  writeUint64,
} from './protobuf.js';
import { normaliseUserIds } from './user-ids.js';

/** Fields of a selector on the wire that are not in TEXT_CONDITIONS and FLAG_CONDITIONS. */
export const SELECTOR_FIELDS = {
  name: 1,
  operations: 2,
  executableOrigins: 5,
  userIds: 26,
  capabilities: 27,
} as const;
/** Of a flag condition; 0 is no condition. */
export const FLAG_VALUES = { true: 1, false: 2 } as const;

/**
 * Canonical bytes (proto/bulkhead/v1/policy.proto): the same meaning gives the same bytes, so their
 * hash names it. Every list is sorted and without repeats: conditions by their text, selectors by
 * name, responses by the selectors that they name.
 */
export function encodePolicy(policy: Policy): Uint8Array {
  return encodeNormalised(normalisePolicy(policy));
}

/** Of a policy that is in its normalised form already. */
export function encodeNormalised(policy: Policy): Uint8Array {
  const writer = createWriter();
  writePolicy(writer, policy);
  return writer.finish();
}

/** The payload of the signed envelope. Policies stand in the order of their ids. */
export function encodeBundle(bundle: PolicyBundle): Uint8Array {
  const writer = createWriter();
  writeString(writer, 1, bundle.tenantId);
  writeString(writer, 2, bundle.clusterId);
  writeUint64(writer, 3, bundle.revision);
  writeUint64(writer, 4, BigInt(bundle.createdUnixMs));
  const policies = [...bundle.policies].sort((a, b) => compare(a.policyId, b.policyId));
  for (const policy of policies) writeMessage(writer, 5, policy, writeBundledPolicy);
  return writer.finish();
}

/** The policy in the order and form in which its canonical bytes stand. */
export function normalisePolicy(policy: Policy): Policy {
  return {
    ...(policy.process && { process: normaliseSection(policy.process) }),
    ...(policy.file && { file: normaliseSection(policy.file) }),
    unknownContainer: policy.unknownContainer,
  };
}

/**
 * What each response of a section says, as a text: equal for responses that normalise to one.
 * `order`: the texts in the order of the normalised section.
 */
export function responseKeys(section: PolicySection): { keys: string[]; order: string[] } {
  const responses = normaliseResponses(section, selectorOrder(section));
  const keys = responses.map(keyOf);
  const order = [...responses].sort(compareResponses).map(keyOf);
  return { keys, order: distinct(order) };
}

function writeBundledPolicy(writer: Writer, bundled: BundledPolicy): void {
  writeString(writer, 1, bundled.policyId);
  writeUint32(writer, 2, bundled.version);
  writeString(writer, 3, bundled.name);
  writeUint32(writer, 4, POLICY_MODES[bundled.mode]);
  writeMessage(writer, 5, normalisePolicy(bundled.policy), writePolicy);
}

function writePolicy(writer: Writer, { process, file, unknownContainer }: Policy): void {
  if (process) writeMessage(writer, 1, process, writeSection);
  if (file) writeMessage(writer, 2, file, writeSection);
  writeUint32(writer, 3, UNKNOWN_CONTAINER[unknownContainer]);
}

function writeSection(writer: Writer, section: PolicySection): void {
  for (const selector of section.selectors) writeMessage(writer, 1, selector, writeSelector);
  for (const response of section.responses) writeMessage(writer, 2, response, writeResponse);
}

type FieldWriter = (writer: Writer, selector: PolicySelector) => void;

/** What a selector is written with, in the order of the fields. */
const SELECTOR_WRITERS: readonly FieldWriter[] = selectorWriters();

function selectorWriters(): FieldWriter[] {
  const fields: [number, FieldWriter][] = [
    [SELECTOR_FIELDS.name, (writer, { name }) => writeString(writer, SELECTOR_FIELDS.name, name)],
    [
      SELECTOR_FIELDS.operations,
      (writer, { operations }) =>
        writePacked(writer, SELECTOR_FIELDS.operations, numbersOf(operations, OPERATIONS)),
    ],
    [
      SELECTOR_FIELDS.executableOrigins,
      (writer, { executableOrigins }) => {
        const numbers = numbersOf(executableOrigins, EXECUTABLE_ORIGINS);
        writePacked(writer, SELECTOR_FIELDS.executableOrigins, numbers);
      },
    ],
    [
      SELECTOR_FIELDS.userIds,
      (writer, { userIds }) => {
        for (const range of userIds) {
          writeMessage(writer, SELECTOR_FIELDS.userIds, range, writeUserIds);
        }
      },
    ],
    [
      SELECTOR_FIELDS.capabilities,
      (writer, { capabilities }) => {
        const numbers = capabilities.map((name) => capabilityNumber(name) + 1);
        writePacked(writer, SELECTOR_FIELDS.capabilities, numbers);
      },
    ],
  ];
  for (const word of textConditions()) {
    const field = TEXT_CONDITIONS[word];
    fields.push([field, (writer, { texts }) => writeStrings(writer, field, texts[word] ?? [])]);
  }
  for (const word of flagConditions()) {
    const field = FLAG_CONDITIONS[word];
    fields.push([
      field,
      (writer, { flags }) => {
        const flag = flags[word];
        if (flag !== undefined) writeUint32(writer, field, FLAG_VALUES[flag ? 'true' : 'false']);
      },
    ]);
  }
  return fields.sort(([a], [b]) => a - b).map(([, write]) => write);
}

function writeSelector(writer: Writer, selector: PolicySelector): void {
  for (const write of SELECTOR_WRITERS) write(writer, selector);
}

function writeUserIds(writer: Writer, { first, last }: UserIdRange): void {
  writeUint32(writer, 1, first);
  writeUint32(writer, 2, last);
}

function writeResponse(writer: Writer, response: PolicyResponse): void {
  writePacked(writer, 1, response.match);
  writePacked(writer, 2, response.exclude);
  writePacked(writer, 3, numbersOf(response.actions, ACTIONS));
}

function normaliseSection(section: PolicySection): PolicySection {
  const order = selectorOrder(section);
  const responses = normaliseResponses(section, order).sort(compareResponses);
  return {
    selectors: order.map((selector) => normaliseSelector(selector)),
    responses: responses.filter((response, at) => {
      const before = responses[at - 1];
      return before === undefined || compareResponses(before, response) !== 0;
    }),
  };
}

function selectorOrder({ selectors }: PolicySection): PolicySelector[] {
  return [...selectors].sort((a, b) => compare(a.name, b.name));
}

function normaliseResponses(
  section: PolicySection,
  order: readonly PolicySelector[],
): PolicyResponse[] {
  const places = new Map(order.map((selector, at) => [selector, at]));
  const indexes = (list: readonly number[]): number[] => {
    const renumbered = list.flatMap((at) => {
      const selector = section.selectors[at];
      return (selector && places.get(selector)) ?? [];
    });
    return distinct(renumbered).sort((a, b) => a - b);
  };
  return section.responses.map((response) => ({
    match: indexes(response.match),
    exclude: indexes(response.exclude),
    actions: sortByNumber(response.actions, ACTIONS),
  }));
}

function keyOf({ match, exclude, actions }: PolicyResponse): string {
  return `${match.join()}-${exclude.join()}-${actions.join()}`;
}

function compareResponses(a: PolicyResponse, b: PolicyResponse): number {
  return (
    compareNumbers(a.match, b.match) ||
    compareNumbers(a.exclude, b.exclude) ||
    compareNumbers(numbersOf(a.actions, ACTIONS), numbersOf(b.actions, ACTIONS))
  );
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((number, index) => number !== b[index]);
  if (at === -1) return a.length - b.length;
  return (a[at] ?? 0) - (b[at] ?? Number.NEGATIVE_INFINITY);
}

function normaliseSelector(selector: PolicySelector): PolicySelector {
  const texts: { [Word in TextCondition]?: readonly string[] } = {};
  for (const word of textConditions()) {
    const values = selector.texts[word];
    if (values && values.length > 0) texts[word] = distinct(values).sort(compare);
  }
  const flags: { [Word in FlagCondition]?: boolean } = {};
  for (const word of flagConditions()) {
    const flag = selector.flags[word];
    if (flag !== undefined) flags[word] = flag;
  }
  const has = new Set<Capability>(selector.capabilities);
  return {
    name: selector.name,
    operations: sortByNumber(selector.operations, OPERATIONS),
    executableOrigins: sortByNumber(selector.executableOrigins, EXECUTABLE_ORIGINS),
    texts,
    flags,
    userIds: normaliseUserIds(selector.userIds),
    capabilities: CAPABILITIES.filter((name) => has.has(name)),
  };
}

/** In the order of their fields. */
export function textConditions(): TextCondition[] {
  return Object.keys(TEXT_CONDITIONS).filter((word): word is TextCondition =>
    Object.hasOwn(TEXT_CONDITIONS, word),
  );
}

/** In the order of their fields. */
export function flagConditions(): FlagCondition[] {
  return Object.keys(FLAG_CONDITIONS).filter((word): word is FlagCondition =>
    Object.hasOwn(FLAG_CONDITIONS, word),
  );
}

function sortByNumber<K extends string>(words: readonly K[], numbers: Record<K, number>): K[] {
  return distinct(words).sort((a, b) => numbers[a] - numbers[b]);
}

function numbersOf<K extends string>(words: readonly K[], numbers: Record<K, number>): number[] {
  return words.map((word) => numbers[word]);
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/** By UTF-16 units: the same everywhere, whatever the locale. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
