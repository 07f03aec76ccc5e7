import { formatProblem, type Problem } from '../../proto/ts/policy/problems.js';
import type { Io, Output } from './command.js';

/** Names standard input in what is printed. */
export const STDIN_NAME = '<stdin>';

const COLOURS = { bold: 1, red: 31, green: 32, yellow: 33 } as const;
export type Colour = keyof typeof COLOURS;
export type Paint = (colour: Colour, text: string) => string;

/** A problem and the file that it is in. */
export interface FileProblem extends Problem {
  readonly file: string;
}

/** Why a file could not be read or written. */
export interface FileFault {
  readonly file: string;
  readonly message: string;
}

/** Colours for an output, or none where it is no terminal. */
export function painter({ colour }: Io, { isTerminal }: Output): Paint {
  if (!colour || !isTerminal) return (_colour, text) => text;
  return (name, text) => `\u001b[${COLOURS[name]}m${text}\u001b[0m`;
}

/** Controls, bidirectional marks and halves of characters; what steers a terminal is among them. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** One line of foreign text as it may be shown: what cannot be seen is written as \u{...}. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}

/**
 * Text of JSON, or of YAML's double quotes, with what cannot be seen as escapes; line ends and tabs
 * stay.
 */
export function escapeUnprintable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => {
    if (character === '\n' || character === '\t') return character;
    return Array.from({ length: character.length }, (_, at) => {
      const unit = character.charCodeAt(at).toString(16);
      return `\\u${unit.padStart(4, '0')}`;
    }).join('');
  });
}

export function printLines(output: Output, lines: readonly string[]): void {
  if (lines.length > 0) output.write(`${lines.join('\n')}\n`);
}

/** The one JSON document of a command. */
export function printJson(output: Output, value: unknown): void {
  output.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** What this program says of its own, on standard error. */
export function say(io: Io, message: string): void {
  io.stderr.write(`bulkhead: ${printable(message)}\n`);
}

export function sayFaults(io: Io, faults: readonly FileFault[]): void {
  for (const { file, message } of faults) say(io, `${file}: ${message}`);
}

export function problemLine(problem: FileProblem, paint: Paint): string {
  const { file, line, column, severity, code } = problem;
  const place = `${file}:${line}:${column}: `;
  const text = formatProblem(file, problem).slice(place.length + `${severity} ${code}`.length);
  const word = paint(severity === 'error' ? 'red' : 'yellow', `${severity} ${code}`);
  return printable(place) + word + printable(text);
}

/** 1 file, 2 files */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
