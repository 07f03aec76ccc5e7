import { CAPABILITIES, type Capability, isCapability } from './capabilities.js';
import {
  type ConditionWord,
  conditionsOf,
  defaultOperations,
  isConditionName,
  isOperation,
  OPERATION_WORDS,
  operationsOf,
  type TextForm,
  wordOf,
} from './language.js';
import {
  EXECUTABLE_ORIGINS,
  type ExecutableOrigin,
  type FlagCondition,
  type Operation,
  POLICY_LIMITS,
  type SectionName,
  type TextCondition,
  type UserIdRange,
} from './model.js';
import { didYouMean, type ParseContext, quoted } from './parse-context.js';
import type { Conditions } from './parse-selector.js';
import { utf8Length } from './source-text.js';
import { readUserIds } from './user-ids.js';
import { readTextValue } from './values.js';
import type { Item, MapEntry } from './yaml-document.js';

/** Reads the conditions of one selector, one after another. */
export class ConditionReader {
  readonly #context: ParseContext;
  readonly #section: SectionName;
  #operations: readonly Operation[];
  #origins: readonly ExecutableOrigin[] = [];
  readonly #texts: { [Word in TextCondition]?: readonly string[] } = {};
  readonly #flags: { [Word in FlagCondition]?: boolean } = {};
  #userIds: readonly UserIdRange[] = [];
  #capabilities: readonly Capability[] = [];

  constructor(context: ParseContext, section: SectionName) {
    this.#context = context;
    this.#section = section;
    this.#operations = defaultOperations(section);
  }

  get conditions(): Conditions {
    return {
      operations: this.#operations,
      executableOrigins: this.#origins,
      texts: this.#texts,
      flags: this.#flags,
      userIds: this.#userIds,
      capabilities: this.#capabilities,
    };
  }

  read({ key, at, path, value }: MapEntry): void {
    if (!isConditionName(key)) {
      const message = `a ${this.#section} selector has no key ${quoted(key)}`;
      const hint = didYouMean(
        this.#context.problems.nearest(key, ['name', ...conditionsOf(this.#section)]),
      );
      this.#context.problems.error('POLICY_UNKNOWN_KEY', at, path, message, hint);
      return;
    }
    const word = wordOf(key);
    if (!word.sections.includes(this.#section)) {
      const message = `the condition ${key} belongs to the ${word.sections.join(' and ')} section`;
      this.#context.problems.error('POLICY_WRONG_SECTION', at, path, message);
      return;
    }
    this.#readAs(word, value);
  }

  #readAs({ type }: ConditionWord, value: Item): void {
    switch (type.kind) {
      case 'operations':
        this.#operations = this.#readOperations(value);
        break;
      case 'origins': {
        const isOrigin = (text: string): text is ExecutableOrigin =>
          Object.hasOwn(EXECUTABLE_ORIGINS, text);
        this.#origins = this.#words(value, 'origin', Object.keys(EXECUTABLE_ORIGINS), isOrigin);
        break;
      }
      case 'capabilities':
        this.#capabilities = this.#words(value, 'capability', CAPABILITIES, isCapability);
        break;
      case 'userIds':
        this.#userIds = this.#readUserIds(value);
        break;
      case 'flag': {
        const flag = this.#context.document.boolean(value);
        // D4C's `false` is no condition where only true says something.
        if (flag !== undefined && (flag || !type.onlyTrue)) this.#flags[type.word] = flag;
        break;
      }
      case 'texts': {
        const values = this.#readTexts(value, type.word, type.form);
        if (values.length > 0) this.#texts[type.word] = values;
      }
    }
  }

  #readOperations(list: Item): Operation[] {
    const known = operationsOf(this.#section);
    return this.#strings(list).flatMap(({ text, item }) => {
      if (!isOperation(text)) {
        this.#unknown(item, 'operation', text, known);
        return [];
      }
      const { section } = OPERATION_WORDS[text];
      if (section === this.#section) return [text];
      const message = `the operation ${text} belongs to the ${section} section`;
      this.#context.problems.error('POLICY_WRONG_SECTION', item.at, item.path, message);
      return [];
    });
  }

  /** A list out of a closed set. */
  #words<K extends string>(
    list: Item,
    what: string,
    known: readonly string[],
    isWord: (text: string) => text is K,
  ): K[] {
    return this.#strings(list).flatMap(({ text, item }) => {
      if (isWord(text)) return [text];
      this.#unknown(item, what, text, known);
      return [];
    });
  }

  #readUserIds(list: Item): UserIdRange[] {
    const { document, problems } = this.#context;
    const ranges: UserIdRange[] = [];
    for (const item of document.listItems(list) ?? []) {
      if (problems.full || !this.#context.takeValues(1, item)) break;
      const text = document.stringOrNumber(item);
      if (text === undefined) continue;
      const range = readUserIds(text);
      if ('code' in range) this.#context.fault(range, item);
      else ranges.push(range);
    }
    return ranges;
  }

  #readTexts(list: Item, word: TextCondition, form: TextForm): string[] {
    const { problems } = this.#context;
    const max =
      word === 'targetFilePath' ? POLICY_LIMITS.targetFilePathBytes : POLICY_LIMITS.valueBytes;
    const values: string[] = [];
    for (const { text, item } of this.#strings(list, max)) {
      const read = readTextValue(text, form);
      if ('code' in read) {
        this.#context.fault(read, item);
        continue;
      }
      if (read.values.length > 1) {
        if (!this.#context.takeValues(read.values.length - 1, item)) break;
        this.#context.expandedLength += read.values.join('').length;
      }
      values.push(...read.values);
      const { warning } = read;
      if (warning) problems.warning(warning.code, item.at, item.path, warning.message);
    }
    return values;
  }

  #strings(list: Item, maxBytes: number = POLICY_LIMITS.valueBytes) {
    const { document, problems } = this.#context;
    const strings: { text: string; item: Item }[] = [];
    for (const item of document.listItems(list) ?? []) {
      if (problems.full || !this.#context.takeValues(1, item)) break;
      const text = document.string(item);
      if (text === undefined) continue;
      // No character has more than 3 bytes a unit, so most need no count.
      const bytes = text.length * 3 <= maxBytes ? 0 : utf8Length(text);
      if (bytes <= maxBytes) strings.push({ text, item });
      else {
        const message = `the value has ${bytes} bytes, ${maxBytes} are allowed`;
        problems.error('POLICY_VALUE_TOO_LONG', item.at, item.path, message);
      }
    }
    return strings;
  }

  #unknown({ at, path }: Item, what: string, text: string, known: readonly string[]): void {
    const few = known.length <= 16 ? `write one of ${known.join(', ')}` : undefined;
    const hint = didYouMean(this.#context.problems.nearest(text, known)) ?? few;
    const message = `there is no ${what} ${quoted(text)}`;
    this.#context.problems.error('POLICY_UNKNOWN_VALUE', at, path, message, hint);
  }
}
