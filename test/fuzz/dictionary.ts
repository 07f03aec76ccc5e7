import { CAPABILITIES } from '../../proto/ts/policy/capabilities.js';
import {
  CONDITION_WORDS,
  DOCUMENT_KEYS,
  OPERATION_WORDS,
  RESPONSE_KEYS,
  SECTION_KEYS,
  WORKLOAD_KINDS,
} from '../../proto/ts/policy/language.js';
import { ACTIONS, EXECUTABLE_ORIGINS, UNKNOWN_CONTAINER } from '../../proto/ts/policy/model.js';

/** All words of the language, and some that only look like one. */
export const WORDS: readonly string[] = [
  'name',
  ...DOCUMENT_KEYS,
  ...SECTION_KEYS,
  ...RESPONSE_KEYS,
  ...Object.keys(CONDITION_WORDS),
  ...Object.keys(OPERATION_WORDS),
  ...Object.keys(EXECUTABLE_ORIGINS),
  ...Object.keys(ACTIONS),
  ...Object.keys(UNKNOWN_CONTAINER),
  ...CAPABILITIES,
  ...WORKLOAD_KINDS,
  ...['processExecutables', 'Operation', 'exce', 'CAP_', 'selector', 'fullContainerImageName'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then', 'length', '0'],
];

/** What YAML reads as more than text. */
export const YAML_TOKENS: readonly string[] = [
  ...[': ', ':', '- ', '-', '? ', '[', ']', '{', '}', ', ', ',', '#', ' # ', '[]', '{}', '&a '],
  ...['&b ', '*a', '*b', '*a : ', '<<: *a', '<<: [*a, *b]', '<<: ', '<<', '&a', '&', '!t '],
  ...['!!str ', '!!map ', '!!seq ', '!!binary ', '!!float ', '!!merge ', '!<tag:x> ', '! '],
  ...['%YAML 1.1\n---\n', '%TAG ! tag:x,2000:\n---\n', '%A\n', '---\n', '...\n', '--- ', '...'],
  ...['|\n', '|-\n', '|2+\n', '>\n', '>-\n', '>9\n', "'", '"', "''", '"\\', '\\x41', '\\u12'],
  ...['@', '`', '\t', '\n', '\n\n', '\r\n', '\r', ' ', '  ', '    ', '\n  - ', '\n    ', '~'],
  ...['null', 'true', 'True', 'false', 'yes', 'no', 'on', 'off', 'n', '=', '.nan', '-.inf'],
];

/** Parts of patterns. */
export const GLOB_TOKENS: readonly string[] = [
  ...['*', '**', '***', '/**/', '/*/', '/**', '**/', '?', '??', '/', '//', '/./', '/../'],
  ...['[a-z]', '[!a]', '[^a]', '[', ']', '[]', '[]]', '[!]]', '[!', '[^]', '[a-', '[z-a]'],
  ...['[/]', '[.-0]', '[\\]]', '[\\', '[[]', '[é]', '[!-~]', '{a,b}', '{,}', '{', '}', '{a'],
  ...[',}', '{{,},}', '{a,b}{c,d}{e,f}', '{**,*}', '\\', '\\\\', '\\*', '\\{', '\\,', '/\\**'],
  ...['/**/**/', '*?*?*'],
];

/** Numbers at limits, and texts that a careless reader takes for numbers. */
export const NUMBER_TOKENS: readonly string[] = [
  ...['0', '-0', '-1', '00', '1', '1.0', '1.0.0', '15', '16', '127', '128', '129', '255'],
  ...['256', '511', '512', '1024', '1025', '4096', '4097', '65535', '2147483648', '4294967294'],
  ...['4294967295', '4294967296', '9007199254740993', '1e999', '1e3', '0x10', '0o17', '0b1'],
  ...['1_000', '0-0', '1-0', '0-4294967294', '0-4294967295', '1000-1999', '-1--1', '1-', '-'],
  ...['1 - 2'],
];

/** Characters that some layer could trip over, surrogates without their other half among them. */
export const UNICODE_TOKENS: readonly string[] = [
  ...['\ufeff', '\0', '\x07', '\x1b', '\x7f', '\x80', '\x85', '\xa0', '\u2028', '\u2029'],
  ...['\u202e', 'é', 'e\u0301', 'ß', 'İ', '\ud800', '\udc00', '\udfff\ud800', '\u{1f600}'],
  ...['\u{10ffff}', '\ufffe', '\uffff', '\ufdd0', '\ue000', '\u0002', '\u0018', '\u001f'],
];

/** Parts of image names, labels and the like. */
export const NAME_TOKENS: readonly string[] = [
  ...['docker.io/', 'index.docker.io/', 'localhost:5000/', '[::1]:5000/', '[::1]/', 'a.b/c/d'],
  ...['nginx', 'library/', ':latest', ':', '@', `sha256:${'a'.repeat(64)}`, '@sha256:', 'a__b'],
  ...['Deployment/web', 'Job/', '/web', 'app:web', 'app:', ':web', '*:*', 'app_1:x:y', '-'],
  ...['_'],
];

/** Kinds first, so that each is as likely as the next. */
export const DICTIONARY: readonly (readonly string[])[] = [
  WORDS,
  YAML_TOKENS,
  GLOB_TOKENS,
  NUMBER_TOKENS,
  UNICODE_TOKENS,
  NAME_TOKENS,
];
