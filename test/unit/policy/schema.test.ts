import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { parse } from 'yaml';
import {
  CONDITION_WORDS,
  conditionsOf,
  DOCUMENT_KEYS,
  OPERATION_WORDS,
  operationsOf,
  RESPONSE_KEYS,
  SECTION_KEYS,
} from '../../../proto/ts/policy/language.js';
import { POLICY_LIMITS, SECTION_NAMES, TEXT_CONDITIONS } from '../../../proto/ts/policy/model.js';
import { parsePolicy } from '../../../proto/ts/policy/parse.js';
import type { ProblemCode } from '../../../proto/ts/policy/problems.js';
import { EDITOR_KEYWORDS, type JsonSchema, policySchema } from '../../../proto/ts/policy/schema.js';
import { readCorpus } from './d4c/corpus.js';
import { documents } from './reference/worlds.js';

const schema = policySchema();
// strictRequired would want every word of `required` under `properties` of the same subschema.
const ajv = new Ajv2020({ strict: true, strictRequired: false });
for (const keyword of EDITOR_KEYWORDS) ajv.addKeyword(keyword);
const isValid = (document: unknown): boolean => ajv.validate(schema, document);

/** What the parser calls errors in a document. */
function errorsOf(document: unknown): ProblemCode[] {
  const { problems } = parsePolicy(JSON.stringify(document));
  return problems.flatMap(({ severity, code }) => (severity === 'error' ? [code] : []));
}

/** What the parser understands, merge keys followed. */
function documentOf(source: Uint8Array): unknown {
  const text = new TextDecoder().decode(source);
  return parse(text, { version: '1.2', merge: true, uniqueKeys: false, maxAliasCount: -1 });
}

const selector = ({ name = 'a', ...conditions }: { name?: string; [key: string]: unknown }) => ({
  process: {
    selectors: [{ name, ...conditions }],
    responses: [{ match: [name], actions: ['log'] }],
  },
});
const fileSelector = (conditions: Record<string, unknown>) => ({
  file: selector(conditions).process,
});
const EXEC = selector({ operation: ['exec'] });
const response = (more: object) => ({
  process: { ...EXEC.process, responses: [{ match: ['a'], actions: ['log'], ...more }] },
});

describe('the schema', () => {
  const selectorOf = (section: string): JsonSchema => schema.$defs?.[`${section}Selector`] ?? {};
  const keysOf = (of: JsonSchema | undefined): string[] => Object.keys(of?.properties ?? {});

  it('is one, strictly', () => {
    expect(ajv.validateSchema(schema)).toBe(true);
    expect(() => ajv.compile(schema)).not.toThrow();
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
  });

  it('has every key of the language and no other', () => {
    expect(keysOf(schema)).toEqual([...DOCUMENT_KEYS]);
    expect(keysOf(schema.$defs?.response)).toEqual([...RESPONSE_KEYS]);
    for (const section of SECTION_NAMES) {
      expect(keysOf(schema.properties?.[section])).toEqual([...SECTION_KEYS]);
      expect(keysOf(selectorOf(section))).toEqual(['name', ...conditionsOf(section)]);
      const operation = selectorOf(section).properties?.operation;
      expect(operation?.items?.enum).toEqual(operationsOf(section));
    }
    const conditions = SECTION_NAMES.flatMap((section) => keysOf(selectorOf(section)));
    expect(conditions).toEqual(expect.arrayContaining(Object.keys(CONDITION_WORDS)));
    const operations = SECTION_NAMES.flatMap((section) => operationsOf(section));
    expect(operations.sort()).toEqual(Object.keys(OPERATION_WORDS).sort());
  });

  it('says of every key and operation what it means', () => {
    const properties = subschemas(schema).flatMap((one) => Object.values(one.properties ?? {}));
    expect(properties.length).toBeGreaterThan(40);
    for (const { description } of properties) expect(description).toBeTruthy();
    for (const { enum: words, enumDescriptions } of subschemas(schema)) {
      if (enumDescriptions)
        expect(enumDescriptions.filter(Boolean)).toHaveLength(words?.length ?? 0);
    }
  });

  it('closes every object', () => {
    const open = subschemas(schema).filter(
      (one) => one.type === 'object' && one.additionalProperties !== false,
    );
    expect(open).toEqual([]);
  });

  it.each([...(schema.defaultSnippets ?? [])])('offers a good $label', ({ body }) => {
    expect(parsePolicy(JSON.stringify(body)).problems).toEqual([]);
    expect(isValid(body)).toBe(true);
  });

  it('offers a drift and a shell', () => {
    expect(schema.defaultSnippets).toHaveLength(2);
  });
});

describe('the corpus', () => {
  it.each(readCorpus('accepted'))('accepted/$name is valid', ({ source }) => {
    ajv.validate(schema, documentOf(source));
    expect(ajv.errors ?? []).toEqual([]);
  });

  /** What the schema refuses always, for the parser never accepts it. */
  const REFUSED: readonly string[] = [
    'POLICY_UNKNOWN_KEY',
    'POLICY_WRONG_TYPE',
    'POLICY_EMPTY_LIST',
    'POLICY_UNKNOWN_VALUE',
    'POLICY_MISSING_KEY',
    'POLICY_EXCLUSIVE_CONDITIONS',
    'POLICY_NO_CONDITION',
    'POLICY_BAD_NAME',
    'POLICY_BLOCK_WITHOUT_ALERT',
    'POLICY_WRONG_SECTION',
  ] satisfies ProblemCode[];
  const refused = readCorpus('refused').filter(({ expected }) =>
    expected.some((line) => REFUSED.includes(line.split(' ')[1] ?? '')),
  );

  it('has documents that are to be refused', () => {
    expect(refused.length).toBeGreaterThan(20);
  });

  it.each(refused)('refused/$name is not valid', ({ source }) => {
    expect(isValid(documentOf(source))).toBe(false);
  });
});

describe('values', () => {
  it.each<[string, unknown]>([
    ['version', { ...EXEC, version: 1 }],
    ['version', { ...EXEC, version: 1.5 }],
    ['version', { ...EXEC, version: '1.20.3' }],
    ['a path in braces', fileSelector({ targetFilePath: ['{/a,/b}/**'] })],
    ['the longest path', fileSelector({ targetFilePath: [`/${'a'.repeat(254)}`] })],
    ['the longest value', selector({ containerName: ['a'.repeat(511)] })],
    ['two bytes a character', selector({ containerName: ['é'.repeat(255)] })],
    ['labels in braces', selector({ nodeLabel: ['{a:b,c:}', 'a::b', 'a\n:\n'] })],
    ['workloads in braces', selector({ kubernetesWorkload: ['{Job/a,CronJob/b}', '*/{a,b}'] })],
    ['a kind in brackets', selector({ kubernetesWorkload: ['[JC]*/x', 'Deployment/{a,[!b]}'] })],
    ['images without a /', selector({ containerImageFullName: ['**', '{*}{*}', '{a/b,**}'] })],
    ['an IPv6 registry', selector({ containerImageFullName: ['[::1]:5000/a:1'] })],
    ['a tag and digest', selector({ containerImageName: [`a:1@sha256:${'0'.repeat(64)}`] })],
    ['a file name with braces', selector({ processName: ['{', '*', '[x'] })],
    ['user ids', selector({ processUserId: [0, 4_294_967_294, '00', '1-2'] })],
    ['flags', fileSelector({ ignoreVolumeMounts: false, containerPrivileged: true })],
    ['an exclude that is empty', response({ exclude: [] })],
    ['repeated values', selector({ operation: ['exec', 'exec'] })],
    [
      'a long name',
      selector({ name: 'a'.repeat(POLICY_LIMITS.nameCharacters), nodeLabel: ['a:b'] }),
    ],
  ])('%s: accepted by both', (_what, document) => {
    expect(errorsOf(document)).toEqual([]);
    expect(isValid(document)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['nothing', {}],
    ['a version to come', { ...EXEC, version: 2 }],
    ['a version to come', { ...EXEC, version: '1.0.0.0' }],
    ['another section', selector({ targetFilePath: ['/a'] })],
    ["another section's operation", fileSelector({ operation: ['exec'] })],
    ['a relative path', fileSelector({ targetFilePath: ['etc/passwd'] })],
    ['a path that is too long', fileSelector({ targetFilePath: [`/${'a'.repeat(255)}`] })],
    ['a value that is too long', selector({ containerName: ['a'.repeat(512)] })],
    ['an empty value', selector({ kubernetesClusterId: [''] })],
    ['a label without a value', selector({ kubernetesPodLabel: ['app'] })],
    ['a workload without a kind', selector({ kubernetesWorkload: ['web'] })],
    ['a kind that is none', selector({ kubernetesWorkload: ['Pod/web'] })],
    ['two slashes', selector({ kubernetesWorkload: ['Job/a/b'] })],
    ['half a digest', selector({ containerImageDigest: ['sha256:0'] })],
    ['an image without a registry', selector({ containerImageFullName: ['nginx'] })],
    ['a path in a base name', selector({ containerImageName: ['a/b'] })],
    ['a path in a file name', selector({ processName: ['/bin/sh'] })],
    ['nobody', selector({ processUserId: [4_294_967_295] })],
    ['half a user', selector({ processUserId: [0.5] })],
    ['a name for a user', selector({ processUserId: ['root'] })],
    ['a capability that is none', selector({ processCapability: ['SYS_ADMIN'] })],
    ['no condition', selector({})],
    ['a pair', selector({ processName: ['a'], processExecutable: ['/a'] })],
    ['a pair', fileSelector({ ignoreVolumeMounts: false, ignoreVolumeFiles: false })],
    ['a flag in quotes', selector({ sessionLeaderInteractive: 'true' })],
    ['a name with a line end', selector({ name: 'a\n', operation: ['exec'] })],
    ['block alone', response({ actions: ['block'] })],
    ['block and log', response({ actions: ['block', 'log'] })],
    ['no list', response({ match: 'a' })],
    [
      'too many selectors',
      {
        process: {
          selectors: Array.from({ length: 1024 }, (_, at) => ({
            name: `a${at}`,
            nodeLabel: ['a:b'],
          })),
          responses: [{ match: ['a0'], actions: ['log'] }],
        },
      },
    ],
    ['too many values', selector({ containerName: Array.from({ length: 4097 }, () => 'a') })],
  ])('%s: refused by both', (_what, document) => {
    expect(errorsOf(document)).not.toEqual([]);
    expect(isValid(document)).toBe(false);
  });
});

describe('the schema and the parser', () => {
  const numRuns = 300;

  it('agree on documents that are good', () => {
    fc.assert(
      fc.property(documents, (document) => {
        expect(errorsOf(document)).toEqual([]);
        expect(isValid(document)).toBe(true);
      }),
      { numRuns },
    );
  });

  it('the schema accepts every text that the parser accepts', () => {
    const pieces = fc.constantFrom(
      ...['/', ':', '*', '{', '}', ',', '[', ']', '\\', '@', '.', '!', '\n', '0', 'é'],
      ...['**', 'a', 'Job', `sha256:${'0'.repeat(64)}`, '{/', '{a:', '/a', 'a/'],
    );
    const texts = fc.array(pieces, { minLength: 1, maxLength: 6 }).map((list) => list.join(''));
    let accepted = 0;
    const words = fc.constantFrom(...Object.keys(TEXT_CONDITIONS));
    fc.assert(
      fc.property(words, texts, (word, text) => {
        const section = word === 'targetFilePath' ? fileSelector : selector;
        const document = section({ [word]: [text] });
        if (errorsOf(document).length > 0) return;
        accepted += 1;
        if (!isValid(document)) throw new Error(`${word}: ${text} is good`);
      }),
      { numRuns: 4000 },
    );
    expect(accepted).toBeGreaterThan(400);
  });

  it('agree on names', () => {
    const names = fc.oneof(
      fc.string({ maxLength: 5 }),
      fc.stringMatching(/^[a-zA-Z0-9_-]{1,4}\n?$/),
      fc.integer({ min: 127, max: 129 }).map((length) => 'x'.repeat(length)),
    );
    fc.assert(
      fc.property(names, (name) => {
        const document = selector({ name, operation: ['exec'] });
        expect(isValid(document)).toBe(errorsOf(document).length === 0);
      }),
      { numRuns },
    );
  });

  /** What JSON Schema has no words for. */
  const INEXPRESSIBLE: readonly string[] = [
    // A name in one list against the names in another.
    'POLICY_UNKNOWN_SELECTOR',
    // Members of a list that differ in one key only.
    'POLICY_DUPLICATE_NAME',
    // They follow names to selectors.
    'POLICY_BLOCK_WITHOUT_PATH',
    'POLICY_BLOCK_WITH_ARGS',
    // Nested braces are no regular language, and no range of numbers stands in a pattern.
    'POLICY_BAD_GLOB',
    'POLICY_BAD_VALUE',
    'POLICY_RELATIVE_PATH',
  ] satisfies ProblemCode[];

  it('agree on documents in which one thing was changed, but for what JSON Schema cannot say', () => {
    const seen = { good: 0, refused: 0 };
    fc.assert(
      fc.property(documents, mutations, (document, mutation) => {
        const changed = mutate(structuredClone(document), mutation);
        const errors = errorsOf(changed);
        const valid = isValid(changed);
        const what = JSON.stringify({ changed, errors, schema: ajv.errors }, undefined, 1);
        if (errors.length === 0 && !valid) throw new Error(`the schema is stricter: ${what}`);
        const unsaid = errors.filter((code) => !INEXPRESSIBLE.includes(code));
        if (valid && unsaid.length > 0) throw new Error(`the schema is laxer: ${what}`);
        seen[valid ? 'good' : 'refused'] += 1;
      }),
      { numRuns: 1500 },
    );
    expect(Math.min(seen.good, seen.refused)).toBeGreaterThan(100);
  });
});

interface Mutation {
  /** Which place of the document, counted round and round. */
  readonly place: number;
  readonly change: 'drop' | 'rename' | 'replace';
  readonly key: string;
  readonly value: unknown;
}

const mutations: fc.Arbitrary<Mutation> = fc.record({
  place: fc.nat(10_000),
  change: fc.constantFrom('drop', 'rename', 'replace'),
  key: fc.constantFrom(
    ...[...DOCUMENT_KEYS, ...SECTION_KEYS, ...RESPONSE_KEYS, ...Object.keys(CONDITION_WORDS)],
    ...['name', 'excludes', '1', '', 'Operation'],
  ),
  value: fc.constantFrom<unknown>(
    ...[null, true, false, 0, 1, 1.5, 2, -1, 4_294_967_295, '', 'x', '1', '1-2', '2-1', '1.0.0'],
    ...['/etc/*', 'etc', 'app:x', 'Job/x', 'CAP_KILL', 'memory', 'allow', [], {}, [[]], [{}]],
    ...[['x'], ['/x'], ['exec'], ['openFile'], ['block'], ['alert', 'block'], [1], [null]],
    ...Object.keys(OPERATION_WORDS),
  ),
});

/** Changes one place, in depth first order. */
function mutate(document: object, { place, change, key, value }: Mutation): object {
  const places = placesOf(document);
  const [holder, at] = places[place % places.length] ?? [document, ''];
  const old: unknown = Reflect.get(holder, at);
  if (Array.isArray(holder)) {
    if (change === 'drop') holder.splice(Number(at), 1);
    else holder[Number(at)] = value;
    return document;
  }
  if (change !== 'replace') Reflect.deleteProperty(holder, at);
  if (change === 'rename') Reflect.set(holder, key, old);
  if (change === 'replace') Reflect.set(holder, at, value);
  return document;
}

function placesOf(value: object): [object, string][] {
  return Object.entries(value).flatMap(([key, member]): [object, string][] => [
    [value, key],
    ...(typeof member === 'object' && member !== null ? placesOf(member) : []),
  ]);
}

/** The schema and all that it is made of. */
function subschemas(of: JsonSchema): JsonSchema[] {
  const { $defs = {}, properties = {}, items, contains, not, if: when, then } = of;
  const { anyOf = [], allOf = [] } = of;
  const parts = [...Object.values($defs), ...Object.values(properties), ...anyOf, ...allOf];
  const some = [items, contains, not, when, then].filter((part) => part !== undefined);
  return [of, ...[...parts, ...some].flatMap(subschemas)];
}
