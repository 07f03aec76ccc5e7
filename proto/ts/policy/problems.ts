/** The closed list of what can be wrong with a policy document. */
export const PROBLEM_CODES = {
  POLICY_TOO_LARGE: 'the document is larger than 256 KiB, or has too many tokens',
  POLICY_NOT_UTF8: 'the document is not UTF-8, or holds control characters',
  POLICY_TOO_DEEP: 'collections are nested deeper than the language ever needs',
  POLICY_YAML_SYNTAX: 'the document is not one YAML document',
  POLICY_DUPLICATE_KEY: 'a key stands twice in one mapping',
  POLICY_ALIAS_LIMIT: 'anchors and aliases expand to more than a policy may hold',
  POLICY_WRONG_TYPE: 'a value has another type than its key asks for',
  POLICY_UNKNOWN_KEY: 'nobody knows the key',
  POLICY_WRONG_SECTION: 'the key or operation belongs to the other section',
  POLICY_UNSUPPORTED: 'the nodes of this version cannot carry out what the policy asks for',
  POLICY_MISSING_KEY: 'something that must be there is not',
  POLICY_EMPTY_LIST: 'a list has no entry',
  POLICY_BAD_NAME: 'a selector name has another form than [A-Za-z0-9][A-Za-z0-9_-]*, up to 128',
  POLICY_DUPLICATE_NAME: 'two selectors of a section have one name',
  POLICY_UNKNOWN_VALUE: 'the value is none of those that its key takes',
  POLICY_BAD_GLOB: 'a pattern is not well formed',
  POLICY_RELATIVE_PATH: 'a path does not begin with /',
  POLICY_NEVER_MATCHES: 'a value that nothing can ever match',
  POLICY_BAD_VALUE: 'the value does not have the form that its key asks for',
  POLICY_VALUE_TOO_LONG: 'the value is longer than 511 bytes, or than 255 in targetFilePath',
  POLICY_EXCLUSIVE_CONDITIONS: 'two conditions of a selector exclude each other',
  POLICY_NO_CONDITION: 'a selector has no condition besides its name',
  POLICY_UNKNOWN_SELECTOR: 'a response names a selector that its section does not have',
  POLICY_UNUSED_SELECTOR: 'no response names the selector',
  POLICY_BLOCK_WITHOUT_ALERT: 'a response blocks without an alert',
  POLICY_BLOCK_WITHOUT_PATH: 'a response blocks file operations, and nothing limits it to a path',
  POLICY_BLOCK_WITH_ARGS: 'a response blocks by arguments, which can change under the check',
  POLICY_BLOCK_EVERYTHING: 'a response blocks an operation on every path',
  POLICY_LIMIT: 'a section or the policy holds more than it may',
  POLICY_TABLE_FULL:
    "the policy does not fit a node's tables; the error stands at what makes it large",
  POLICY_TOO_MANY_PROBLEMS: 'there are more problems than are listed',
} as const;

export type ProblemCode = keyof typeof PROBLEM_CODES;
export type Severity = 'error' | 'warning';

export interface Problem {
  readonly code: ProblemCode;
  readonly severity: Severity;
  /** From 1; the place where the thing to mend begins. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  /** The path in the document, as in process.selectors[0].name; '' is the document itself. */
  readonly path: string;
  readonly message: string;
  /** How to mend it. */
  readonly hint?: string;
}

/** The longest list of problems that is given. */
export const MAX_PROBLEMS = 200;

/** One line in the style of compilers. */
export function formatProblem(file: string, problem: Problem): string {
  const hint = problem.hint ? ` (${problem.hint})` : '';
  const { line, column, severity, code, message } = problem;
  return `${file}:${line}:${column}: ${severity} ${code}: ${message}${hint}`;
}
