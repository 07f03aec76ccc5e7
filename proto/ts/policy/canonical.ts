import {
  ACTIONS,
  type BundledPolicy,
  EXECUTABLE_ORIGINS,
  OPERATIONS,
  POLICY_MODES,
  type Policy,
  type PolicyBundle,
  type PolicyResponse,
  type PolicySection,
  type PolicySelector,
  UNKNOWN_CONTAINER,
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

/**
 * Canonical bytes (proto/bulkhead/v1/policy.proto): the same meaning gives the same bytes, so their
 * hash names it. Lists of conditions are sorted and without repeats; selectors stand in the order
 * of their names; responses keep their order, because their index names them in events.
 */
export function encodePolicy(policy: Policy): Uint8Array {
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

function writeBundledPolicy(writer: Writer, bundled: BundledPolicy): void {
  writeString(writer, 1, bundled.policyId);
  writeUint32(writer, 2, bundled.version);
  writeString(writer, 3, bundled.name);
  writeUint32(writer, 4, POLICY_MODES[bundled.mode]);
  writeMessage(writer, 5, bundled.policy, writePolicy);
}

function writePolicy(writer: Writer, policy: Policy): void {
  const { process, file, unknownContainer } = normalisePolicy(policy);
  if (process) writeMessage(writer, 1, process, writeSection);
  if (file) writeMessage(writer, 2, file, writeSection);
  writeUint32(writer, 3, UNKNOWN_CONTAINER[unknownContainer]);
}

function writeSection(writer: Writer, section: PolicySection): void {
  for (const selector of section.selectors) writeMessage(writer, 1, selector, writeSelector);
  for (const response of section.responses) writeMessage(writer, 2, response, writeResponse);
}

function writeSelector(writer: Writer, selector: PolicySelector): void {
  writeString(writer, 1, selector.name);
  writePacked(writer, 2, numbersOf(selector.operations, OPERATIONS));
  writeStrings(writer, 3, selector.containerImageFullNames);
  writeStrings(writer, 4, selector.containerImageNames);
  writePacked(writer, 5, numbersOf(selector.executableOrigins, EXECUTABLE_ORIGINS));
}

function writeResponse(writer: Writer, response: PolicyResponse): void {
  writePacked(writer, 1, response.match);
  writePacked(writer, 2, response.exclude);
  writePacked(writer, 3, numbersOf(response.actions, ACTIONS));
}

function normaliseSection(section: PolicySection): PolicySection {
  const order = section.selectors
    .map((selector, index) => ({ name: selector.name, index }))
    .sort((a, b) => compare(a.name, b.name));
  const newIndex = new Map(order.map(({ index }, at) => [index, at]));
  const indexes = (list: readonly number[]): number[] =>
    distinct(list.map((at) => newIndex.get(at) ?? at)).sort((a, b) => a - b);
  return {
    selectors: order.flatMap(({ index }) => {
      const selector = section.selectors[index];
      return selector ? [normaliseSelector(selector)] : [];
    }),
    responses: section.responses.map((response) => ({
      match: indexes(response.match),
      exclude: indexes(response.exclude),
      actions: sortByNumber(response.actions, ACTIONS),
    })),
  };
}

function normaliseSelector(selector: PolicySelector): PolicySelector {
  return {
    name: selector.name,
    operations: sortByNumber(selector.operations, OPERATIONS),
    containerImageFullNames: distinct(selector.containerImageFullNames).sort(compare),
    containerImageNames: distinct(selector.containerImageNames).sort(compare),
    executableOrigins: sortByNumber(selector.executableOrigins, EXECUTABLE_ORIGINS),
  };
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
