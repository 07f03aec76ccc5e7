import { FLAG_VALUES, flagConditions, SELECTOR_FIELDS, textConditions } from './canonical.js';
import { CAPABILITIES, type Capability } from './capabilities.js';
import { append, malformed, unknownField, word, words } from './decode-fields.js';
import { EXCLUSIVE_CONDITIONS, OPERATION_WORDS, wordOf } from './language.js';
import {
  EXECUTABLE_ORIGINS,
  FLAG_CONDITIONS,
  type FlagCondition,
  OPERATIONS,
  POLICY_LIMITS,
  type PolicySelector,
  type SectionName,
  TEXT_CONDITIONS,
  type TextCondition,
  type UserIdRange,
} from './model.js';
import { isSelectorName } from './parse-selector.js';
import type { FieldReader } from './protobuf.js';
import { utf8Length } from './source-text.js';
import { MAX_USER_ID } from './user-ids.js';
import { readTextValue } from './values.js';

const TEXT_OF_FIELD = new Map<number, TextCondition>(
  textConditions().map((word) => [TEXT_CONDITIONS[word], word]),
);
const FLAG_OF_FIELD = new Map<number, FlagCondition>(
  flagConditions().map((word) => [FLAG_CONDITIONS[word], word]),
);
/** Escapes may make a normal form longer than what was written. */
const MAX_NORMAL_BYTES = 2 * POLICY_LIMITS.valueBytes;

/** @throws BulkheadError BUNDLE_MALFORMED */
export function readSelector(reader: FieldReader, section: SectionName): PolicySelector {
  let name = '';
  let operations: PolicySelector['operations'] = [];
  let executableOrigins: PolicySelector['executableOrigins'] = [];
  const texts: { [Word in TextCondition]?: string[] } = {};
  const flags: { [Word in FlagCondition]?: boolean } = {};
  const userIds: UserIdRange[] = [];
  let capabilities: PolicySelector['capabilities'] = [];
  for (let field = reader.nextField(); field !== undefined; field = reader.nextField()) {
    const text = TEXT_OF_FIELD.get(field);
    const flag = FLAG_OF_FIELD.get(field);
    if (text !== undefined) {
      const values = texts[text] ?? [];
      texts[text] = values;
      append(values, readText(reader.string(), text), 'values', POLICY_LIMITS.valuesPerPolicy);
    } else if (flag !== undefined) {
      flags[flag] = readFlag(reader.uint32(), flag);
    } else if (field === SELECTOR_FIELDS.name) name = reader.string();
    else if (field === SELECTOR_FIELDS.operations) {
      operations = words(OPERATIONS, reader, 'operation');
    } else if (field === SELECTOR_FIELDS.executableOrigins) {
      executableOrigins = words(EXECUTABLE_ORIGINS, reader, 'origin');
    } else if (field === SELECTOR_FIELDS.userIds) {
      append(userIds, reader.message(readUserIdRange), 'values', POLICY_LIMITS.valuesPerPolicy);
    } else if (field === SELECTOR_FIELDS.capabilities) {
      capabilities = reader.packed(CAPABILITIES.length).map(capability);
    } else throw unknownField('PolicySelector', field);
  }
  if (!isSelectorName(name)) throw malformed("a selector's name is missing or malformed");
  const selector = { name, operations, executableOrigins, texts, flags, userIds, capabilities };
  checkSelector(selector, section);
  return selector;
}

function checkSelector(selector: PolicySelector, section: SectionName): void {
  const { operations, executableOrigins, texts, flags } = selector;
  if (operations.length === 0) throw malformed('a selector names no operation');
  if (operations.some((operation) => OPERATION_WORDS[operation].section !== section)) {
    throw malformed('a selector names an operation of another section');
  }
  const used = [
    ...textConditions().filter((one) => texts[one]),
    ...flagConditions().filter((one) => flags[one] !== undefined),
    ...(executableOrigins.length > 0 ? (['executableOrigin'] as const) : []),
  ];
  if (used.some((one) => !wordOf(one).sections.includes(section))) {
    throw malformed('a selector has a condition of another section');
  }
  const excluded = EXCLUSIVE_CONDITIONS.some((pair) => pair.every((one) => isIn(one, used)));
  if (excluded) throw malformed('a selector has two conditions that exclude each other');
}

function isIn(one: string, list: readonly string[]): boolean {
  return list.includes(one);
}

/** Only a normal form stands for itself, and whoever binds it relies on its being well formed. */
function readText(text: string, condition: TextCondition): string {
  const { type } = wordOf(condition);
  if (type.kind !== 'texts' || utf8Length(text) > MAX_NORMAL_BYTES) {
    throw malformed('a value is too long');
  }
  const read = readTextValue(text, type.form);
  if ('code' in read || read.values.length !== 1 || read.values[0] !== text) {
    throw malformed(`a value of ${condition} is not in its normal form`);
  }
  return text;
}

function readFlag(number: number, condition: FlagCondition): boolean {
  const flag = word(FLAG_VALUES, number, 'flag') === 'true';
  const { type } = wordOf(condition);
  if (!flag && type.kind === 'flag' && type.onlyTrue) {
    throw malformed(`${condition} can only be true`);
  }
  return flag;
}

function readUserIdRange(reader: FieldReader): UserIdRange {
  let first = 0;
  let last = 0;
  for (let field = reader.nextField(); field !== undefined; field = reader.nextField()) {
    if (field === 1) first = reader.uint32();
    else if (field === 2) last = reader.uint32();
    else throw unknownField('UserIdRange', field);
  }
  if (first > last || last > MAX_USER_ID) throw malformed('a range of user ids is out of range');
  return { first, last };
}

function capability(number: number): Capability {
  const name = CAPABILITIES[number - 1];
  if (!name) throw malformed(`there is no capability ${number - 1}`);
  return name;
}
