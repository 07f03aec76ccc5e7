import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import { nearest } from '../../../proto/ts/policy/language.js';
import { didYouMean, quoted, reportUnknownKeys } from '../../../proto/ts/policy/parse-context.js';
import { ProblemList } from '../../../proto/ts/policy/problem-list.js';
import type { Problem, ProblemCode } from '../../../proto/ts/policy/problems.js';
import { readText } from '../../../proto/ts/policy/source-text.js';
import { type Item, YamlDocument } from '../../../proto/ts/policy/yaml-document.js';
import type { Io } from '../command.js';
import { nameOf, readDocument } from '../files.js';
import { inFile, type Refused, tooLarge } from './documents.js';

export type Fields = ReadonlyMap<string, Item>;

/** A document beside policies, JSON or YAML: an event, facts, tests. It reports what is wrong. */
export class SideDocument {
  readonly #document: YamlDocument;
  readonly #problems: ProblemList;

  constructor(document: YamlDocument, problems: ProblemList) {
    this.#document = document;
    this.#problems = problems;
  }

  get root(): Item {
    return this.#document.root;
  }

  /** From 1. */
  lineOf({ at }: Item): number {
    return this.#problems.placeOf(at).line;
  }

  error(code: ProblemCode, { at, path }: Item, message: string, hint?: string): undefined {
    this.#problems.error(code, at, path, message, hint);
    return undefined;
  }

  /** The entries of a mapping by their keys, without those that are null; reports unknown ones. */
  fields(item: Item, what: string, known: readonly string[]): Fields | undefined {
    const entries = this.#document.mapEntries(item);
    if (!entries) return undefined;
    reportUnknownKeys(entries, known, what, this.#problems);
    const given = entries.filter(({ value }) => !isNull(value));
    return new Map(given.map(({ key, value }) => [key, value]));
  }

  /** Whether a mapping says the key in so many words. */
  has({ node }: Item, key: string): boolean {
    return isMap(node) && node.has(key);
  }

  required(fields: Fields, key: string, item: Item, what: string): Item | undefined {
    const field = fields.get(key);
    return field ?? this.error('POLICY_MISSING_KEY', item, `${what} has no ${key}`, `add ${key}`);
  }

  text(item: Item | undefined): string | undefined {
    return item && this.#document.string(item);
  }

  textOrNumber(item: Item | undefined): string | undefined {
    return item && this.#document.stringOrNumber(item);
  }

  flag(item: Item | undefined): boolean | undefined {
    return item && this.#document.boolean(item);
  }

  /** undefined also where it is no list (reported). */
  list(item: Item | undefined, mayBeEmpty = true): Item[] | undefined {
    return item && this.#document.listItems(item, mayBeEmpty);
  }

  texts(item: Item | undefined): string[] | undefined {
    return this.list(item)?.flatMap((entry) => this.text(entry) ?? []);
  }

  /** Texts by texts, as labels are. */
  record(item: Item | undefined): Record<string, string> | undefined {
    const entries = item && this.#document.mapEntries(item);
    return (
      entries &&
      Object.fromEntries(
        entries.flatMap(({ key, value }) => {
          const text = this.text(value);
          return text === undefined ? [] : [[key, text]];
        }),
      )
    );
  }

  /** One of the words that are known. */
  word<Word extends string>(
    item: Item | undefined,
    known: readonly Word[],
    what: string,
  ): Word | undefined {
    const text = this.text(item);
    if (item === undefined || text === undefined) return undefined;
    const word = known.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    const few = known.length <= 16 ? `write one of ${known.join(', ')}` : undefined;
    const hint = didYouMean(nearest(text, known)) ?? few;
    return this.error('POLICY_UNKNOWN_VALUE', item, `there is no ${what} ${quoted(text)}`, hint);
  }

  /** Of a value that may be written in several ways; an alias would hide which it is (reported). */
  shape(item: Item): 'list' | 'map' | 'scalar' | undefined {
    if (isAlias(item.node)) {
      return this.error('POLICY_WRONG_TYPE', item, 'an alias cannot stand here', 'write it out');
    }
    if (isSeq(item.node)) return 'list';
    return isMap(item.node) ? 'map' : 'scalar';
  }
}

/** Reads a document with `read`; undefined is refused, and then the problems say why. */
export async function loadSideDocument<T>(
  path: string,
  io: Io,
  read: (document: SideDocument) => T | undefined,
): Promise<T | Refused> {
  const file = nameOf(path);
  const content = await readDocument(path, io);
  if (content.kind === 'fault')
    return { problems: [], faults: [{ file, message: content.message }] };
  if (content.kind === 'tooLarge') return refusedBy(file, [tooLarge()]);
  const parsed = readSideDocument(content.bytes, read);
  return parsed.problems.length > 0 || parsed.value === undefined
    ? refusedBy(file, parsed.problems)
    : parsed.value;
}

/** The same of its content. `value` counts only where there is no problem. */
export function readSideDocument<T>(
  content: string | Uint8Array,
  read: (document: SideDocument) => T | undefined,
): { readonly value: T | undefined; readonly problems: readonly Problem[] } {
  const problems = new ProblemList();
  const text = readText(content, problems);
  const document = text === undefined ? undefined : YamlDocument.parse(text, problems);
  const value = document && read(new SideDocument(document, problems));
  return { value, problems: problems.toArray() };
}

function refusedBy(file: string, problems: readonly Problem[]): Refused {
  return { problems: inFile(file, problems), faults: [] };
}

function isNull({ node }: Item): boolean {
  return isScalar(node) && node.value === null;
}
