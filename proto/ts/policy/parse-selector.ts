import {
  CONDITION_WORDS,
  EXCLUSIVE_CONDITIONS,
  lookUp,
  nearest,
  OPERATION_WORDS,
  type Word,
} from './language.js';
import {
  EXECUTABLE_ORIGINS,
  type ExecutableOrigin,
  OPERATIONS,
  type Operation,
  POLICY_LIMITS,
  type PolicySelector,
  type SectionName,
} from './model.js';
import { didYouMean, type ParseContext, quoted } from './parse-context.js';
import { utf8Length } from './source-text.js';
import { checkImageFullName, checkImageName, type ValueCheck } from './values.js';
import type { Item, MapEntry } from './yaml-document.js';

/** A selector as far as it could be read: responses may name it even when it is refused. */
export interface NamedSelector {
  readonly name: string | undefined;
  readonly nameItem: Item;
  readonly conditions: Conditions | undefined;
}

export type Conditions = Omit<PolicySelector, 'name'>;

const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;
/** What a selector without `operation` means: what it meant in D4C. */
const DEFAULT_OPERATIONS: readonly Operation[] = ['fork', 'exec'];

export function parseSelector(
  context: ParseContext,
  item: Item,
  section: SectionName,
): NamedSelector {
  const { document, problems } = context;
  const entries = problems.full ? undefined : document.mapEntries(item);
  if (!entries) return { name: undefined, nameItem: item, conditions: undefined };
  const nameEntry = entries.find((entry) => entry.key === 'name');
  const conditions = entries.filter((entry) => entry !== nameEntry);
  if (!nameEntry) {
    const message = 'the selector has no name';
    problems.error('POLICY_MISSING_KEY', item.at, item.path, message, 'add name');
  }
  if (conditions.length === 0) {
    const message = 'the selector has no condition';
    problems.error('POLICY_NO_CONDITION', item.at, item.path, message, 'add one, as operation');
  }
  checkExclusive(context, conditions);
  const reader = new ConditionReader(context, section);
  for (const condition of conditions) reader.read(condition);
  return {
    name: nameEntry && parseName(context, nameEntry.value),
    nameItem: nameEntry?.value ?? item,
    conditions: reader.conditions,
  };
}

function parseName({ document, problems }: ParseContext, item: Item): string | undefined {
  const name = document.string(item);
  if (name === undefined) return undefined;
  if (NAME_PATTERN.test(name) && name.length <= POLICY_LIMITS.nameCharacters) return name;
  const message = 'a name begins with a letter or digit and goes on with these, _ and -, up to 128';
  problems.error('POLICY_BAD_NAME', item.at, item.path, message);
  return undefined;
}

function checkExclusive({ problems }: ParseContext, conditions: readonly MapEntry[]): void {
  for (const pair of EXCLUSIVE_CONDITIONS) {
    const [, second] = conditions.filter(({ key }) => pair.includes(key));
    if (!second) continue;
    const message = `${pair[0]} and ${pair[1]} exclude each other`;
    const hint = 'use two selectors';
    problems.error('POLICY_EXCLUSIVE_CONDITIONS', second.at, second.path, message, hint);
  }
}

/** Reads the conditions of one selector, one after another. */
class ConditionReader {
  readonly #context: ParseContext;
  readonly #section: SectionName;
  #operations: readonly Operation[] = DEFAULT_OPERATIONS;
  #imageFullNames: readonly string[] = [];
  #imageNames: readonly string[] = [];
  #origins: readonly ExecutableOrigin[] = [];

  constructor(context: ParseContext, section: SectionName) {
    this.#context = context;
    this.#section = section;
  }

  get conditions(): Conditions {
    return {
      operations: this.#operations,
      containerImageFullNames: this.#imageFullNames,
      containerImageNames: this.#imageNames,
      executableOrigins: this.#origins,
    };
  }

  read({ key, at, path, value }: MapEntry): void {
    const word = lookUp(CONDITION_WORDS, key);
    if (!word) {
      const known = ['name', ...wordsOf(CONDITION_WORDS, this.#section)];
      const message = `a ${this.#section} selector has no key ${quoted(key)}`;
      const hint = didYouMean(nearest(key, known));
      this.#context.problems.error('POLICY_UNKNOWN_KEY', at, path, message, hint);
      return;
    }
    if (!this.#isUsable(word, `the condition ${key}`, at, path)) return;
    switch (key) {
      case 'operation':
        this.#operations = this.#words(value, OPERATIONS, 'operation', OPERATION_WORDS);
        break;
      case 'executableOrigin':
        this.#origins = this.#words(value, EXECUTABLE_ORIGINS, 'origin', {});
        break;
      case 'containerImageFullName':
        this.#imageFullNames = this.#values(value, checkImageFullName);
        break;
      case 'containerImageName':
        this.#imageNames = this.#values(value, checkImageName);
        break;
      default:
        this.#unsupported(`the condition ${key}`, at, path);
    }
  }

  /** A list out of a closed set; what only `known` has is a word of the language, not usable here. */
  #words<K extends string>(
    list: Item,
    words: Record<K, number>,
    what: string,
    known: Readonly<Record<string, Word>>,
  ): K[] {
    const isWord = (text: string): text is K => Object.hasOwn(words, text);
    return this.#strings(list).flatMap(({ text, item: { at, path } }) => {
      const word = lookUp(known, text);
      if (word && !this.#isUsable(word, `the ${what} ${text}`, at, path)) return [];
      if (isWord(text)) return [text];
      const near = nearest(text, [...Object.keys(words), ...wordsOf(known, this.#section)]);
      const hint = didYouMean(near) ?? `write one of ${Object.keys(words).join(', ')}`;
      const message = `there is no ${what} ${quoted(text)}`;
      this.#context.problems.error('POLICY_UNKNOWN_VALUE', at, path, message, hint);
      return [];
    });
  }

  #values(list: Item, check: ValueCheck): string[] {
    return this.#strings(list).flatMap(({ text, item }) => {
      const fault = check(text);
      if (!fault) return [text];
      const { code, message, hint } = fault;
      this.#context.problems.error(code, item.at, item.path, message, hint);
      return [];
    });
  }

  #strings(list: Item): { text: string; item: Item }[] {
    const { document, problems } = this.#context;
    const strings: { text: string; item: Item }[] = [];
    for (const item of document.listItems(list) ?? []) {
      if (problems.full || !this.#context.takeValue(item.at, item.path)) break;
      const text = document.string(item);
      if (text === undefined) continue;
      const bytes = utf8Length(text);
      if (bytes <= POLICY_LIMITS.valueBytes) strings.push({ text, item });
      else {
        const message = `the value has ${bytes} bytes, ${POLICY_LIMITS.valueBytes} are allowed`;
        problems.error('POLICY_VALUE_TOO_LONG', item.at, item.path, message);
      }
    }
    return strings;
  }

  #isUsable(word: Word, what: string, at: number, path: string): boolean {
    if (!word.sections.includes(this.#section)) {
      const message = `${what} belongs to the ${word.sections.join(' and ')} section`;
      this.#context.problems.error('POLICY_WRONG_SECTION', at, path, message);
      return false;
    }
    if (!word.supported) this.#unsupported(what, at, path);
    return word.supported;
  }

  #unsupported(what: string, at: number, path: string): void {
    this.#context.problems.error('POLICY_UNSUPPORTED', at, path, `${what} is not supported yet`);
  }
}

function wordsOf(words: Readonly<Record<string, Word>>, section: SectionName): string[] {
  return Object.keys(words).filter((word) => words[word]?.sections.includes(section));
}
