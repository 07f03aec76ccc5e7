import { CAPABILITIES } from './capabilities.js';
import {
  type ConditionKind,
  type ConditionName,
  conditionsOf,
  type DOCUMENT_KEYS,
  EXCLUSIVE_CONDITIONS,
  OPERATION_WORDS,
  operationsOf,
  type RESPONSE_KEYS,
  SECTION_KEYS,
  type TextForm,
  WORKLOAD_KINDS,
  wordOf,
} from './language.js';
import {
  ACTIONS,
  type Action,
  EXECUTABLE_ORIGINS,
  type ExecutableOrigin,
  type Operation,
  POLICY_LIMITS,
  SECTION_NAMES,
  type SectionName,
  type TextCondition,
  UNKNOWN_CONTAINER,
  type UnknownContainer,
} from './model.js';
import { MAX_USER_ID } from './user-ids.js';

/** What the policy schema uses of JSON Schema 2020-12 (no more than draft 7 and $defs), and EDITOR_KEYWORDS. */
export interface JsonSchema {
  readonly $schema?: string;
  readonly $id?: string;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly title?: string;
  readonly description?: string;
  readonly type?: 'object' | 'array' | 'string' | 'boolean' | 'number' | 'integer';
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly minProperties?: number;
  readonly items?: JsonSchema;
  readonly contains?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly default?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
  readonly allOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly not?: JsonSchema;
  readonly if?: JsonSchema;
  readonly then?: JsonSchema;
  readonly enumDescriptions?: readonly string[];
  readonly patternErrorMessage?: string;
  readonly errorMessage?: string;
  readonly defaultSnippets?: readonly PolicySnippet[];
}

/** What editors (yaml-language-server, VS Code) understand and validators pass over. */
export const EDITOR_KEYWORDS = [
  'defaultSnippets',
  'enumDescriptions',
  'errorMessage',
  'patternErrorMessage',
] as const satisfies readonly (keyof JsonSchema)[];

export interface PolicySnippet {
  readonly label: string;
  readonly description: string;
  readonly body: { readonly [Name in SectionName]?: SnippetSection };
}

interface SnippetSection {
  readonly selectors: readonly ({ readonly name: string; readonly operation: Operation[] } & {
    readonly [Name in ConditionName]?: readonly string[] | boolean;
  })[];
  readonly responses: readonly { readonly match: string[]; readonly actions: Action[] }[];
}

export const POLICY_SCHEMA_ID = 'https://bulkhead.dev/schemas/policy.json';

/** Means what isSelectorName of parse-selector.ts does. */
const NAME: JsonSchema = {
  type: 'string',
  pattern: '^[A-Za-z0-9][A-Za-z0-9_-]*$',
  maxLength: POLICY_LIMITS.nameCharacters,
  patternErrorMessage: 'a name begins with a letter or digit and goes on with these, _ and -',
};

/**
 * What holds of every value that values.ts reads in the form, before its alternatives are written
 * out; globs are not checked further.
 */
const TEXT_FORMS: Readonly<Record<TextForm, JsonSchema>> = {
  exact: {},
  glob: {},
  argument: {},
  label: { pattern: '^[^:][\\s\\S]*:', patternErrorMessage: 'a label is written key:value' },
  workload: {
    pattern: `^(?:(?:${WORKLOAD_KINDS.join('|')})/[^/]+$|[^/]*[*?[{\\\\][\\s\\S]*/)`,
    patternErrorMessage: `a workload is written Kind/name: ${WORKLOAD_KINDS.join(', ')}`,
  },
  imageFullName: {
    pattern: '/|\\*\\*|\\{',
    patternErrorMessage: 'an image name in full has a registry and a path',
  },
  imageName: { pattern: '^[^/]+$', patternErrorMessage: 'an image base name has no /' },
  imageTag: {},
  imageDigest: {
    pattern: '^sha256:[0-9a-f]{64}$',
    patternErrorMessage: 'a digest is sha256: and 64 hexadecimal digits in lower case',
  },
  path: { pattern: '^[/{]', patternErrorMessage: 'a path begins with /' },
  fileName: { pattern: '^[^/]+$', patternErrorMessage: 'the name of a file has no /' },
};

const USER_IDS: readonly JsonSchema[] = [
  { type: 'integer', minimum: 0, maximum: MAX_USER_ID },
  {
    type: 'string',
    pattern: '^[0-9]{1,10}(?:-[0-9]{1,10})?$',
    patternErrorMessage: 'a user id is a number, or a range as 1000-1999',
  },
];

const ABOUT_ORIGINS: Readonly<Record<ExecutableOrigin, string>> = {
  image: 'a file of the image, unchanged',
  writable: 'a file that was made or changed in the container',
  memory: 'a file that is in no directory, as of memfd_create',
  volume: 'a file on a volume, or on anything else that is mounted into the container',
  unknown: 'a file whose layer cannot be told',
};

const ABOUT_ACTIONS: Readonly<Record<Action, string>> = {
  log: 'the event is recorded',
  alert: 'the event is recorded and raises an alert',
  block: 'the act is denied; needs alert beside it',
};

const ABOUT_UNKNOWN_CONTAINER: Readonly<Record<UnknownContainer, string>> = {
  allow: 'a selector that asks for what is not known yet does not match',
  enforce: 'a selector that asks for what is not known yet matches',
};

const SNIPPETS: readonly PolicySnippet[] = [
  {
    label: 'drift',
    description: 'blocks executables that were not in the image',
    body: {
      process: {
        selectors: [
          {
            name: 'drifted',
            operation: ['exec', 'load'],
            executableOrigin: ['writable', 'memory'],
          },
        ],
        responses: [{ match: ['drifted'], actions: ['alert', 'block'] }],
      },
    },
  },
  {
    label: 'interactive shell',
    description: 'alerts when a shell is started at a terminal',
    body: {
      process: {
        selectors: [
          {
            name: 'interactiveShells',
            operation: ['exec'],
            sessionLeaderInteractive: true,
            processName: ['sh', 'bash', 'dash', 'ash', 'zsh', 'busybox'],
          },
        ],
        responses: [{ match: ['interactiveShells'], actions: ['alert'] }],
      },
    },
  },
];

/**
 * The JSON Schema of policy documents. Every document that parsePolicy accepts is valid; what it
 * refuses is valid only where JSON Schema has no words for it.
 */
export function policySchema(): JsonSchema {
  const properties: Record<(typeof DOCUMENT_KEYS)[number], JsonSchema> = {
    version: {
      description: 'version of the language',
      anyOf: [
        {
          type: 'string',
          pattern: '^1(?:\\.[0-9]{1,9}){0,2}$',
          patternErrorMessage: 'write 1.0.0',
        },
        { type: 'number', minimum: 1, exclusiveMaximum: 2 },
      ],
    },
    process: sectionSchema('process', 'what processes do'),
    file: sectionSchema('file', 'what is done to files'),
    unknownContainer: {
      description: 'how containers are judged whose image, pod and labels are not known yet',
      ...oneOf(ABOUT_UNKNOWN_CONTAINER, Object.keys(UNKNOWN_CONTAINER)),
      default: 'allow' satisfies UnknownContainer,
    },
  };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: POLICY_SCHEMA_ID,
    title: 'Bulkhead policy',
    description: 'selectors say what is looked for in containers, responses what happens then',
    ...closed(properties, []),
    anyOf: SECTION_NAMES.map((name) => ({ required: [name] })),
    defaultSnippets: SNIPPETS,
    $defs: {
      selectorName: NAME,
      response: responseSchema(),
      ...Object.fromEntries(SECTION_NAMES.map((name) => [selectorDef(name), selectorSchema(name)])),
    },
  };
}

function sectionSchema(section: SectionName, description: string): JsonSchema {
  // The other list has one entry at least.
  const maxItems = POLICY_LIMITS.selectorsAndResponses - 1;
  const properties: Record<(typeof SECTION_KEYS)[number], JsonSchema> = {
    selectors: {
      description: 'what is looked for',
      ...listOf({ $ref: `#/$defs/${selectorDef(section)}` }, maxItems),
    },
    responses: {
      description: 'what happens then; every response that fires counts',
      ...listOf({ $ref: '#/$defs/response' }, maxItems),
    },
  };
  return { description, ...closed(properties, SECTION_KEYS) };
}

function selectorDef(section: SectionName): string {
  return `${section}Selector`;
}

function selectorSchema(section: SectionName): JsonSchema {
  const names = conditionsOf(section);
  const properties = {
    name: {
      description: 'responses name the selector so; unique in its section',
      $ref: '#/$defs/selectorName',
    },
    ...Object.fromEntries(names.map((name) => [name, conditionSchema(name, section)])),
  };
  const pairs = EXCLUSIVE_CONDITIONS.filter((pair) => pair.every((name) => names.includes(name)));
  return {
    description: 'conditions are ANDed, the values of one list are ORed',
    ...closed(properties, ['name']),
    // The name and a condition.
    minProperties: 2,
    allOf: pairs.map((pair) => ({ not: { required: pair } })),
  };
}

function responseSchema(): JsonSchema {
  const name: JsonSchema = { $ref: '#/$defs/selectorName' };
  const has = (action: Action): JsonSchema => ({ contains: { const: action } });
  const properties: Record<(typeof RESPONSE_KEYS)[number], JsonSchema> = {
    match: { description: 'selectors of the section, one of which has to match', ...listOf(name) },
    exclude: {
      description: 'selectors of the section, none of which may match',
      type: 'array',
      items: name,
    },
    actions: {
      description: 'what happens; over all responses that fire, the actions add up',
      ...listOf(oneOf(ABOUT_ACTIONS, Object.keys(ACTIONS))),
      if: has('block'),
      // biome-ignore lint/suspicious/noThenProperty: a word of JSON Schema
      then: { ...has('alert'), errorMessage: 'block needs alert beside it' },
    },
  };
  const required: (typeof RESPONSE_KEYS)[number][] = ['match', 'actions'];
  return {
    description: 'fires when a selector of match matches and none of exclude does',
    ...closed(properties, required),
  };
}

function conditionSchema(name: ConditionName, section: SectionName): JsonSchema {
  const { type, about } = wordOf(name);
  const ineffective = type.kind === 'flag' && type.onlyTrue ? '; false is no condition' : '';
  return { description: about + ineffective, ...valueSchema(type, section) };
}

function valueSchema(type: ConditionKind, section: SectionName): JsonSchema {
  const max = POLICY_LIMITS.valuesPerPolicy;
  switch (type.kind) {
    case 'operations':
      return listOf(oneOf(aboutOperations(), operationsOf(section)), max);
    case 'origins':
      return listOf(oneOf(ABOUT_ORIGINS, Object.keys(EXECUTABLE_ORIGINS)), max);
    case 'capabilities':
      return listOf({ type: 'string', enum: CAPABILITIES }, max);
    case 'userIds':
      return listOf({ anyOf: USER_IDS }, max);
    case 'flag':
      return { type: 'boolean' };
    case 'texts':
      return listOf(textSchema(type.word, type.form), max);
  }
}

/** No text has more characters than bytes, so a limit in bytes holds for characters too. */
function textSchema(word: TextCondition, form: TextForm): JsonSchema {
  const { targetFilePathBytes, valueBytes } = POLICY_LIMITS;
  const maxLength = word === 'targetFilePath' ? targetFilePathBytes : valueBytes;
  const minLength = form === 'argument' ? 0 : 1;
  return { type: 'string', minLength, maxLength, ...TEXT_FORMS[form] };
}

function aboutOperations(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(OPERATION_WORDS).map(([word, { about, byDefault }]) => [
      word,
      byDefault ? about : `${about}; only where it is named`,
    ]),
  );
}

function oneOf(about: Readonly<Record<string, string>>, words: readonly string[]): JsonSchema {
  return {
    type: 'string',
    enum: words,
    enumDescriptions: words.map((word) => about[word] ?? ''),
  };
}

function listOf(items: JsonSchema, maxItems?: number): JsonSchema {
  return { type: 'array', items, minItems: 1, ...(maxItems !== undefined && { maxItems }) };
}

function closed(
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[],
): JsonSchema {
  return {
    type: 'object',
    properties,
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}
