import { parseArgs } from 'node:util';
import { nearest } from '../../proto/ts/policy/language.js';
import { UsageError } from './command.js';

export interface ArgumentSpec<Flag extends string, Text extends string> {
  /** Options without a value. */
  readonly flags: readonly Flag[];
  /** Options with a value. */
  readonly texts: readonly Text[];
  /** Options whose value may be the empty text, written --option= */
  readonly mayBeEmpty?: readonly Text[];
  /** One letter -> the option that it stands for. */
  readonly short?: Readonly<Record<string, Flag | Text>>;
  readonly operands: { readonly what: string; readonly min: number; readonly max: number };
}

export interface Arguments<Flag extends string, Text extends string> {
  readonly flags: ReadonlySet<Flag>;
  readonly texts: ReadonlyMap<Text, string>;
  readonly operands: readonly string[];
}

/** Reads the arguments of a command. @throws UsageError */
export function readArguments<Flag extends string, Text extends string>(
  args: readonly string[],
  spec: ArgumentSpec<Flag, Text>,
): Arguments<Flag, Text> {
  const flags = new Set<Flag>();
  const texts = new Map<Text, string>();
  const operands: string[] = [];
  for (const token of tokensOf(args, spec)) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const flag = spec.flags.find((known) => known === name);
    const text = spec.texts.find((known) => known === name);
    if (flag === undefined && text === undefined) throw unknownOption(rawName, spec);
    if (flag !== undefined) {
      if (value !== undefined) throw new UsageError(`${rawName} takes no value`);
      flags.add(flag);
    }
    if (text !== undefined) {
      const isOption = !token.inlineValue && value?.startsWith('-') && value !== '-';
      const isEmpty = !value && !(token.inlineValue && spec.mayBeEmpty?.includes(text));
      if (value === undefined || isEmpty || isOption)
        throw new UsageError(`${rawName} needs a value`);
      if (texts.has(text)) throw new UsageError(`${rawName} is given twice`);
      texts.set(text, value);
    }
  }
  checkOperands(operands, spec.operands);
  return { flags, texts, operands };
}

/** Whether the arguments ask for help, wherever they do. */
export function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const options = end === -1 ? args : args.slice(0, end);
  return options.includes('--help') || options.includes('-h');
}

/** Standard input can be read once. @throws UsageError */
export function checkOneStdin(paths: readonly (string | undefined)[]): void {
  if (paths.filter((path) => path === '-').length > 1) {
    throw new UsageError('only one input can be -, standard input');
  }
}

/** The word of `known` that is given. @throws UsageError */
export function oneOf<Word extends string>(
  option: string,
  given: string | undefined,
  known: readonly Word[],
): Word | undefined {
  if (given === undefined) return undefined;
  const word = known.find((candidate) => candidate === given);
  if (word === undefined) throw new UsageError(`${option} is ${known.join(' or ')}, not ${given}`);
  return word;
}

/** To follow the message that a word is not known. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const near = nearest(word, known);
  return near === undefined ? '' : `, did you mean ${near}?`;
}

function tokensOf<Flag extends string, Text extends string>(
  args: readonly string[],
  { flags, texts, short = {} }: ArgumentSpec<Flag, Text>,
) {
  const letterOf = (flag: string): { short?: string } => {
    const letter = Object.keys(short).find((key) => short[key] === flag);
    return letter === undefined ? {} : { short: letter };
  };
  const options = Object.fromEntries([
    ...flags.map((flag) => [flag, { type: 'boolean' as const, ...letterOf(flag) }]),
    ...texts.map((text) => [text, { type: 'string' as const, ...letterOf(text) }]),
  ]);
  return parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  }).tokens;
}

function unknownOption<Flag extends string, Text extends string>(
  rawName: string,
  { flags, texts }: ArgumentSpec<Flag, Text>,
): UsageError {
  const known = [...flags, ...texts, 'help'].map((name) => `--${name}`);
  return new UsageError(`there is no option ${rawName}${didYouMean(rawName, known)}`);
}

function checkOperands(
  operands: readonly string[],
  { what, min, max }: ArgumentSpec<string, string>['operands'],
): void {
  if (operands.includes('')) throw new UsageError('an argument is empty');
  if (operands.length < min) {
    throw new UsageError(operands.length === 0 ? `${what} is missing` : `give ${what}`);
  }
  if (operands.length > max) {
    throw new UsageError(`too many arguments: ${operands.slice(max).join(' ')}`);
  }
}
