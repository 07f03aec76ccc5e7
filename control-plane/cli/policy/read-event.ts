import { CAPABILITIES, capabilityNumber } from '../../../proto/ts/policy/capabilities.js';
import type { PathBytes, PolicyEvent, TargetVolume } from '../../../proto/ts/policy/event.js';
import { isOperation, OPERATION_WORDS } from '../../../proto/ts/policy/language.js';
import {
  EXECUTABLE_ORIGINS,
  type ExecutableOrigin,
  type Operation,
} from '../../../proto/ts/policy/model.js';
import { MAX_USER_ID } from '../../../proto/ts/policy/user-ids.js';
import type { Item } from '../../../proto/ts/policy/yaml-document.js';
import type { Fields, SideDocument } from './side-document.js';

/** Keys of an event, besides the container that an event for `explain` may have. */
export const EVENT_KEYS = [
  'operation',
  'executable',
  'parentExecutable',
  'targetPath',
  'targetVolume',
  'origin',
  'args',
  'userId',
  'capabilities',
  'interactive',
] as const;

const OPERATION_NAMES = Object.keys(OPERATION_WORDS).filter(isOperation);
const TARGET_VOLUMES: readonly TargetVolume[] = ['none', 'directory', 'file'];
const ORIGINS = Object.keys(EXECUTABLE_ORIGINS).filter(isOrigin);
/** What only a file operation has. */
const OF_FILES = ['targetPath', 'targetVolume'] as const;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Reads the fields of an event. What it does not tell counts as not read: it leaves undecided. */
export function readEvent(
  document: SideDocument,
  item: Item,
  fields: Fields,
): PolicyEvent | undefined {
  const operation = document.required(fields, 'operation', item, 'the event');
  const operations = operation && readOperations(document, operation);
  if (!operations) return undefined;
  refuseForeign(document, fields, operations);
  return {
    operations,
    executable: readPath(document, fields.get('executable')),
    parentExecutable: readPath(document, fields.get('parentExecutable')),
    targetPath: readPath(document, fields.get('targetPath')),
    targetVolume: document.word(fields.get('targetVolume'), TARGET_VOLUMES, 'kind of volume'),
    origin: document.word(fields.get('origin'), ORIGINS, 'origin'),
    args: document.texts(fields.get('args')),
    userId: readUserId(document, fields.get('userId')),
    capabilities: readCapabilities(document, fields.get('capabilities')),
    interactive: document.flag(fields.get('interactive')),
  };
}

/** An event in the form in which readEvent reads it. */
export function eventToJson(event: PolicyEvent): Record<string, unknown> {
  const { operations, capabilities } = event;
  return {
    operation: operations.length === 1 ? operations[0] : operations,
    executable: pathToJson(event.executable),
    parentExecutable: pathToJson(event.parentExecutable),
    targetPath: pathToJson(event.targetPath),
    targetVolume: event.targetVolume,
    origin: event.origin,
    args: event.args,
    userId: event.userId,
    capabilities:
      capabilities === undefined
        ? undefined
        : CAPABILITIES.filter((_, bit) => ((capabilities >> BigInt(bit)) & 1n) === 1n),
    interactive: event.interactive,
  };
}

function readOperations(document: SideDocument, item: Item): Operation[] | undefined {
  const shape = document.shape(item);
  if (shape === undefined) return undefined;
  const items = shape === 'list' ? (document.list(item, false) ?? []) : [item];
  const words = items.map((one) => document.word(one, OPERATION_NAMES, 'operation'));
  const operations = words.filter((word) => word !== undefined);
  if (operations.length < words.length || operations.length === 0) return undefined;
  const [first] = operations;
  const foreign = operations.find((word) => first && sectionOf(word) !== sectionOf(first));
  if (foreign !== undefined) {
    const message = `one act is not both ${first} and ${foreign}`;
    return document.error('POLICY_WRONG_SECTION', item, message, 'make it two events');
  }
  return [...new Set(operations)];
}

function refuseForeign(
  document: SideDocument,
  fields: Fields,
  operations: readonly Operation[],
): void {
  const [operation] = operations;
  if (operation === undefined || sectionOf(operation) === 'file') return;
  for (const key of OF_FILES) {
    const item = fields.get(key);
    if (!item) continue;
    const hint = key === 'targetPath' ? 'the file that runs is its executable' : undefined;
    document.error('POLICY_WRONG_SECTION', item, `${operation} has no ${key}`, hint);
  }
}

/** Text, or {base64: ...} for what is no UTF-8. */
function readPath(document: SideDocument, item: Item | undefined): PathBytes | undefined {
  const shape = item && document.shape(item);
  if (item === undefined || shape === undefined) return undefined;
  if (shape === 'map') return readBase64(document, item);
  const text = document.text(item);
  if (text === undefined || text.startsWith('/')) return text;
  return document.error('POLICY_RELATIVE_PATH', item, 'a path begins with /');
}

function readBase64(document: SideDocument, item: Item): Uint8Array | undefined {
  const fields = document.fields(item, 'a path', ['base64']);
  const value = fields && document.required(fields, 'base64', item, 'the path');
  const text = document.text(value);
  if (value === undefined || text === undefined) return undefined;
  if (BASE64.test(text)) return new Uint8Array(Buffer.from(text, 'base64'));
  return document.error('POLICY_BAD_VALUE', value, 'this is not base64');
}

function readUserId(document: SideDocument, item: Item | undefined): number | undefined {
  const text = document.textOrNumber(item);
  if (item === undefined || text === undefined) return undefined;
  if (/^\d{1,10}$/.test(text) && Number(text) <= MAX_USER_ID) return Number(text);
  return document.error('POLICY_BAD_VALUE', item, `a user id is a number up to ${MAX_USER_ID}`);
}

function readCapabilities(document: SideDocument, item: Item | undefined): bigint | undefined {
  return document.list(item)?.reduce((mask, entry) => {
    const name = document.word(entry, CAPABILITIES, 'capability');
    return name === undefined ? mask : mask | (1n << BigInt(capabilityNumber(name)));
  }, 0n);
}

function pathToJson(path: PathBytes | undefined): unknown {
  if (typeof path !== 'object') return path;
  const text = new TextDecoder().decode(path);
  const isText = text.startsWith('/') && Buffer.from(text).equals(path);
  return isText ? text : { base64: Buffer.from(path).toString('base64') };
}

function sectionOf(operation: Operation): string {
  return OPERATION_WORDS[operation].section;
}

function isOrigin(word: string): word is ExecutableOrigin {
  return Object.hasOwn(EXECUTABLE_ORIGINS, word);
}
