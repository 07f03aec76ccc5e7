import { BulkheadError } from '../wire/errors.js';
import { LIMITS } from '../wire/limits.js';
import { encodeBundle, encodePolicy, textConditions } from './canonical.js';
import { append, malformed, tooMany, unknownField, word, words } from './decode-fields.js';
import { readSelector } from './decode-selector.js';
import { BLOCK_NEEDS_PATH } from './language.js';
import {
  ACTIONS,
  type BundledPolicy,
  POLICY_LIMITS,
  POLICY_MODES,
  type Policy,
  type PolicyBundle,
  type PolicyMode,
  type PolicyResponse,
  type PolicySection,
  type PolicySelector,
  type SectionName,
  UNKNOWN_CONTAINER,
} from './model.js';
import { FieldReader } from './protobuf.js';

/*
 * Decoding is strict, because a field that this version does not know could be a condition, and
 * leaving a condition out makes a selector wider: unknown fields, unknown enum values, dangling
 * indexes and bytes that are not canonical are all refused.
 */

/** @throws BulkheadError BUNDLE_MALFORMED */
export function decodePolicy(bytes: Uint8Array): Policy {
  return strictly(bytes, readPolicy, encodePolicy);
}

/** @throws BulkheadError BUNDLE_MALFORMED */
export function decodeBundle(bytes: Uint8Array): PolicyBundle {
  return strictly(bytes, readBundle, encodeBundle);
}

function strictly<T>(
  bytes: Uint8Array,
  read: (reader: FieldReader) => T,
  encode: (value: T) => Uint8Array,
): T {
  if (bytes.byteLength > LIMITS.bundleBytes) throw malformed('it is too large');
  let value: T;
  try {
    value = read(FieldReader.over(bytes));
  } catch (cause) {
    // protobufjs throws RangeError or Error on torn bytes, depending on where they are torn.
    if (cause instanceof BulkheadError) throw cause;
    throw malformed(cause instanceof Error ? cause.message : 'it cannot be read', cause);
  }
  if (!equal(encode(value), bytes)) throw malformed('its bytes are not in the canonical form');
  return value;
}

function readBundle(reader: FieldReader): PolicyBundle {
  let tenantId = '';
  let clusterId = '';
  let revision = 0n;
  let createdUnixMs = 0n;
  const policies: BundledPolicy[] = [];
  for (let field = reader.nextField(); field !== undefined; field = reader.nextField()) {
    if (field === 1) tenantId = reader.string();
    else if (field === 2) clusterId = reader.string();
    else if (field === 3) revision = reader.uint64();
    else if (field === 4) createdUnixMs = reader.uint64();
    else if (field === 5)
      append(
        policies,
        reader.message(readBundledPolicy),
        'policies',
        POLICY_LIMITS.policiesPerBundle,
      );
    else throw unknownField('PolicyBundle', field);
  }
  if (createdUnixMs > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('its time is out of range');
  const ids = new Set(policies.map((policy) => policy.policyId));
  if (ids.size !== policies.length) throw malformed('a policy stands in it twice');
  return { tenantId, clusterId, revision, createdUnixMs: Number(createdUnixMs), policies };
}

function readBundledPolicy(reader: FieldReader): BundledPolicy {
  let policyId = '';
  let version = 0;
  let name = '';
  let mode: PolicyMode | undefined;
  let policy: Policy | undefined;
  for (let field = reader.nextField(); field !== undefined; field = reader.nextField()) {
    if (field === 1) policyId = reader.string();
    else if (field === 2) version = reader.uint32();
    else if (field === 3) name = reader.string();
    else if (field === 4) mode = word(POLICY_MODES, reader.uint32(), 'mode');
    else if (field === 5) policy = reader.message(readPolicy);
    else throw unknownField('BundledPolicy', field);
  }
  if (!mode || !policy) throw malformed('a policy lacks its mode or its content');
  if (policyId === '' || version === 0) throw malformed('a policy lacks its id or its version');
  return { policyId, version, name, mode, policy };
}

function readPolicy(reader: FieldReader): Policy {
  let process: PolicySection | undefined;
  let file: PolicySection | undefined;
  let unknownContainer: Policy['unknownContainer'] | undefined;
  for (let field = reader.nextField(); field !== undefined; field = reader.nextField()) {
    if (field === 1) process = reader.message((section) => readSection(section, 'process'));
    else if (field === 2) file = reader.message((section) => readSection(section, 'file'));
    else if (field === 3) unknownContainer = word(UNKNOWN_CONTAINER, reader.uint32(), 'treatment');
    else throw unknownField('Policy', field);
  }
  if (!unknownContainer) throw malformed('a policy does not say how to treat unknown containers');
  if (!process && !file) throw malformed('a policy has no section');
  const policy = { ...(process && { process }), ...(file && { file }), unknownContainer };
  if (countValues(policy) > POLICY_LIMITS.valuesPerPolicy) throw tooMany('values');
  return policy;
}

function readSection(reader: FieldReader, section: SectionName): PolicySection {
  const selectors: PolicySelector[] = [];
  const responses: PolicyResponse[] = [];
  const max = POLICY_LIMITS.selectorsAndResponses;
  for (let field = reader.nextField(); field !== undefined; field = reader.nextField()) {
    if (field === 1)
      append(
        selectors,
        reader.message((one) => readSelector(one, section)),
        'selectors',
        max,
      );
    else if (field === 2) append(responses, reader.message(readResponse), 'responses', max);
    else throw unknownField('PolicySection', field);
  }
  if (selectors.length + responses.length > max) throw tooMany('selectors and responses');
  if (selectors.length === 0 || responses.length === 0) throw malformed('a section is empty');
  const names = new Set(selectors.map((selector) => selector.name));
  if (names.size !== selectors.length) throw malformed('two selectors have one name');
  for (const response of responses) checkResponse(response, selectors);
  return { selectors, responses };
}

function readResponse(reader: FieldReader): PolicyResponse {
  let match: readonly number[] = [];
  let exclude: readonly number[] = [];
  let actions: PolicyResponse['actions'] = [];
  const max = POLICY_LIMITS.selectorsAndResponses;
  for (let field = reader.nextField(); field !== undefined; field = reader.nextField()) {
    if (field === 1) match = reader.packed(max);
    else if (field === 2) exclude = reader.packed(max);
    else if (field === 3) actions = words(ACTIONS, reader, 'action');
    else throw unknownField('PolicyResponse', field);
  }
  return { match, exclude, actions };
}

function checkResponse(response: PolicyResponse, selectors: readonly PolicySelector[]): void {
  const { match, exclude, actions } = response;
  if ([...match, ...exclude].some((at) => at >= selectors.length)) {
    throw malformed('a response names a selector that is not there');
  }
  if (match.length === 0) throw malformed('a response matches nothing');
  if (actions.length === 0) throw malformed('a response does nothing');
  if (!actions.includes('block')) return;
  if (!actions.includes('alert')) throw malformed('a response blocks without an alert');
  const named = (indexes: readonly number[]) => indexes.flatMap((at) => selectors[at] ?? []);
  if ([...named(match), ...named(exclude)].some(({ texts }) => texts.processArgs)) {
    throw malformed('a response blocks by arguments');
  }
  const pathless = named(match).some(
    ({ operations, texts }) =>
      !texts.targetFilePath && operations.some((one) => BLOCK_NEEDS_PATH.includes(one)),
  );
  if (pathless && !named(exclude).some(({ texts }) => texts.targetFilePath)) {
    throw malformed('a response blocks operations on every file');
  }
}

function countValues({ process, file }: Policy): number {
  const selectors = [...(process?.selectors ?? []), ...(file?.selectors ?? [])];
  return selectors.reduce((count, { texts, userIds }) => {
    const lists = textConditions().map((one) => texts[one]?.length ?? 0);
    return lists.reduce((sum, length) => sum + length, count + userIds.length);
  }, 0);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, at) => byte === b[at]);
}
