import { BulkheadError } from '../wire/errors.js';
import { LIMITS } from '../wire/limits.js';
import { encodeBundle, encodePolicy } from './canonical.js';
import {
  ACTIONS,
  type BundledPolicy,
  EXECUTABLE_ORIGINS,
  OPERATIONS,
  POLICY_LIMITS,
  POLICY_MODES,
  type Policy,
  type PolicyBundle,
  type PolicyMode,
  type PolicyResponse,
  type PolicySection,
  type PolicySelector,
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
    if (field === 1) process = reader.message(readSection);
    else if (field === 2) file = reader.message(readSection);
    else if (field === 3) unknownContainer = word(UNKNOWN_CONTAINER, reader.uint32(), 'treatment');
    else throw unknownField('Policy', field);
  }
  if (!unknownContainer) throw malformed('a policy does not say how to treat unknown containers');
  if (file) throw malformed('file sections cannot be carried out by this version');
  if (!process) throw malformed('a policy has no section');
  checkValueCount(process);
  return { process, unknownContainer };
}

function readSection(reader: FieldReader): PolicySection {
  const selectors: PolicySelector[] = [];
  const responses: PolicyResponse[] = [];
  const max = POLICY_LIMITS.selectorsAndResponses;
  for (let field = reader.nextField(); field !== undefined; field = reader.nextField()) {
    if (field === 1) append(selectors, reader.message(readSelector), 'selectors', max);
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

function readSelector(reader: FieldReader): PolicySelector {
  let name = '';
  let operations: PolicySelector['operations'] = [];
  const containerImageFullNames: string[] = [];
  const containerImageNames: string[] = [];
  let executableOrigins: PolicySelector['executableOrigins'] = [];
  const max = POLICY_LIMITS.valuesPerPolicy;
  for (let field = reader.nextField(); field !== undefined; field = reader.nextField()) {
    if (field === 1) name = reader.string();
    else if (field === 2) operations = words(OPERATIONS, reader, 'operation');
    else if (field === 3) append(containerImageFullNames, value(reader.string()), 'values', max);
    else if (field === 4) append(containerImageNames, value(reader.string()), 'values', max);
    else if (field === 5) executableOrigins = words(EXECUTABLE_ORIGINS, reader, 'origin');
    else throw unknownField('PolicySelector', field);
  }
  if (name === '' || name.length > POLICY_LIMITS.nameCharacters) {
    throw malformed("a selector's name is missing or too long");
  }
  if (operations.length === 0) throw malformed('a selector names no operation');
  return {
    name,
    operations,
    containerImageFullNames,
    containerImageNames,
    executableOrigins,
  };
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
  if (match.some((at) => selectors[at]?.operations.includes('fork'))) {
    throw malformed('a response blocks fork, which this version cannot');
  }
}

function checkValueCount(section: PolicySection): void {
  let count = 0;
  for (const selector of section.selectors) {
    count += selector.containerImageFullNames.length + selector.containerImageNames.length;
  }
  if (count > POLICY_LIMITS.valuesPerPolicy) throw tooMany('values');
}

function word<K extends string>(numbers: Record<K, number>, number: number, what: string): K {
  for (const key in numbers) if (numbers[key] === number) return key;
  throw malformed(`there is no ${what} ${number}`);
}

function words<K extends string>(
  numbers: Record<K, number>,
  reader: FieldReader,
  what: string,
): readonly K[] {
  const max = Object.keys(numbers).length;
  return reader.packed(max).map((number) => word(numbers, number, what));
}

function value(text: string): string {
  if (text === '' || utf8Length(text) > POLICY_LIMITS.valueBytes) {
    throw malformed('a value is empty or too long');
  }
  return text;
}

function append<T>(list: T[], entry: T, what: string, max: number): void {
  if (list.length === max) throw tooMany(what);
  list.push(entry);
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, at) => byte === b[at]);
}

function unknownField(message: string, field: number): BulkheadError {
  return malformed(`${message} has a field ${field} that this version does not know`);
}

function tooMany(what: string): BulkheadError {
  return malformed(`it holds too many ${what}`);
}

function malformed(message: string, cause?: unknown): BulkheadError {
  return new BulkheadError('BUNDLE_MALFORMED', message, { cause });
}
