import { LineCounter } from 'yaml';
import { nearest } from './language.js';
import { MAX_PROBLEMS, type Problem, type ProblemCode, type Severity } from './problems.js';

const MAX_SUGGESTIONS = 32;

/** Collects problems, with their places; MAX_PROBLEMS of them are kept. */
export class ProblemList {
  readonly #problems: Problem[] = [];
  readonly #lines = new LineCounter();
  #errors = 0;
  #leftOut = false;
  #suggestions = 0;

  constructor() {
    this.#lines.addNewLine(0);
  }

  /** Tells where the lines begin, so that offsets can be told as line and column. */
  addLines(text: string): void {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
      this.#lines.addNewLine(at + 1);
    }
  }

  get hasErrors(): boolean {
    return this.#errors > 0;
  }

  /** The nearest known word; after some of them nobody reads on, and each takes time. */
  nearest(word: string, known: Iterable<string>): string | undefined {
    this.#suggestions += 1;
    return this.#suggestions > MAX_SUGGESTIONS ? undefined : nearest(word, known);
  }

  /** So many errors that it is no use to look for more. */
  get full(): boolean {
    return this.#errors >= MAX_PROBLEMS;
  }

  error(code: ProblemCode, at: number, path: string, message: string, hint?: string): void {
    this.#errors += 1;
    this.#add('error', code, at, path, message, hint);
  }

  warning(code: ProblemCode, at: number, path: string, message: string, hint?: string): void {
    this.#add('warning', code, at, path, message, hint);
  }

  /** Line and column of an offset, from 1. */
  placeOf(at: number): { line: number; column: number } {
    const { line, col: column } = this.#lines.linePos(at);
    return { line, column };
  }

  /** In the order of their places. */
  toArray(): Problem[] {
    const problems = [...this.#problems].sort((a, b) => a.line - b.line || a.column - b.column);
    if (this.#leftOut) {
      const severity: Severity = this.hasErrors ? 'error' : 'warning';
      const message = `only ${MAX_PROBLEMS} problems are listed`;
      const code = 'POLICY_TOO_MANY_PROBLEMS';
      problems.push({ code, severity, line: 1, column: 1, path: '', message });
    }
    return problems;
  }

  #add(
    severity: Severity,
    code: ProblemCode,
    at: number,
    path: string,
    message: string,
    hint?: string,
  ): void {
    if (this.#problems.length >= MAX_PROBLEMS) {
      this.#leftOut = true;
      return;
    }
    const place = this.placeOf(at);
    this.#problems.push({ code, severity, ...place, path, message, ...(hint && { hint }) });
  }
}
