import { isDeepStrictEqual } from 'node:util';
import { encodeNormalised, encodePolicy } from '../../proto/ts/policy/canonical.js';
import { decodePolicy } from '../../proto/ts/policy/decode.js';
import { formatPolicy } from '../../proto/ts/policy/format.js';
import type { Policy } from '../../proto/ts/policy/model.js';
import { type ParsedPolicy, parsePolicy } from '../../proto/ts/policy/parse.js';
import type { PolicyPlaces } from '../../proto/ts/policy/places.js';
import { MAX_PROBLEMS, PROBLEM_CODES, type Problem } from '../../proto/ts/policy/problems.js';
import { tableProblems } from '../../proto/ts/policy/table-check.js';
import { slowness } from '../support/pace.js';
import { type FuzzInput, isTooLarge, textOf } from './input.js';

/** parser: only what reads a document. all: also what works on a policy that was accepted. */
export const FUZZ_TARGETS = ['parser', 'all'] as const;
export type FuzzTarget = (typeof FUZZ_TARGETS)[number];

export interface CheckReport {
  /** What does not hold of the input. */
  readonly failures: readonly string[];
  /** The set of its problems' codes, as a text. */
  readonly codes: string;
  readonly accepted: boolean;
  /** Of one parsePolicy. */
  readonly parseMs: number;
}

export const TIME_LIMITS_MS = {
  parse: 1000,
  parseTooLarge: 100,
  format: 3000,
  table: 3000,
} as const;

/** Longer inputs are read once. */
const REPEATED_LENGTH = 16 * 1024;

/** Everything that must hold of parsePolicy and of what follows it, for any input. */
export function checkInput(input: FuzzInput, target: FuzzTarget): CheckReport {
  try {
    const failures: string[] = [];
    const tooLarge = isTooLarge(input);
    const limitMs = tooLarge ? TIME_LIMITS_MS.parseTooLarge : TIME_LIMITS_MS.parse;
    const { result, ms } = measured(() => parsePolicy(input), limitMs);
    within('parsePolicy', ms, limitMs, failures);
    if (input.length < REPEATED_LENGTH && !isDeepStrictEqual(parsePolicy(input), result)) {
      failures.push('parsePolicy differs from call to call');
    }
    const text = textOf(input);
    checkProblems(result, text, failures);
    if (tooLarge && !result.problems.some(({ code }) => code === 'POLICY_TOO_LARGE')) {
      failures.push('a document above the limit is not refused for it');
    }
    const { policy, places } = result;
    if (target === 'all' && policy && places) checkPolicy(policy, places, text, failures);
    if (target === 'all' && !policy) formatPolicy(text);
    return { failures, codes: codesOf(result), accepted: policy !== undefined, parseMs: ms };
  } catch (error) {
    const failures = [`it throws: ${textOfError(error)}`];
    return { failures, codes: '', accepted: false, parseMs: 0 };
  }
}

function checkProblems(
  { policy, places, problems }: ParsedPolicy,
  text: string,
  failures: string[],
): void {
  const refused = problems.some(({ severity }) => severity === 'error');
  if (refused === (policy !== undefined)) {
    failures.push(`${refused ? 'an' : 'no'} error, and ${policy ? 'a' : 'no'} policy`);
  }
  if ((policy === undefined) !== (places === undefined)) failures.push('places without a policy');
  // One more says that there are more.
  if (problems.length > MAX_PROBLEMS + 1) failures.push(`${problems.length} problems`);
  checkPlaces(problems, text, failures);
}

function checkPlaces(problems: readonly Problem[], text: string, failures: string[]): void {
  const lines = text.split('\n');
  for (const { code, line, column } of problems) {
    if (!Object.hasOwn(PROBLEM_CODES, code)) failures.push(`nobody knows the code ${code}`);
    const length = lines[line - 1]?.length;
    // Behind the last character of a line is a place too.
    if (length === undefined || column < 1 || column > length + 1) {
      failures.push(`${code} stands at ${line}:${column}, outside the document`);
    }
  }
}

function checkPolicy(policy: Policy, places: PolicyPlaces, text: string, failures: string[]): void {
  const bytes = encodePolicy(policy);
  if (!same(encodeNormalised(policy), bytes)) failures.push('the policy is not normalised');
  try {
    if (!same(encodePolicy(decodePolicy(bytes)), bytes))
      failures.push('decoded, it has other bytes');
  } catch (error) {
    failures.push(`its bytes are refused: ${textOfError(error)}`);
  }
  checkFormat(bytes, text, failures);
  const limitMs = TIME_LIMITS_MS.table;
  const { result, ms } = measured(() => tableProblems(policy, places), limitMs);
  within('tableProblems', ms, limitMs, failures);
  checkPlaces(result, text, failures);
}

function checkFormat(bytes: Uint8Array, text: string, failures: string[]): void {
  const limitMs = TIME_LIMITS_MS.format;
  const { result: formatted, ms } = measured(() => formatPolicy(text), limitMs);
  within('formatPolicy', ms, limitMs, failures);
  if (!formatted.ok) {
    // Indented, a document may grow above the limit.
    const others = formatted.problems.filter(({ code }) => code !== 'POLICY_TOO_LARGE');
    if (others.length > 0) failures.push(`it cannot be formatted: ${others[0]?.message}`);
    return;
  }
  const { policy } = parsePolicy(formatted.text);
  if (!policy) failures.push('formatted, it is refused');
  else if (!same(encodePolicy(policy), bytes)) failures.push('formatted, it means something else');
  const again = formatPolicy(formatted.text);
  if (!again.ok || again.text !== formatted.text)
    failures.push('formatted twice, it is another text');
}

function codesOf({ problems }: ParsedPolicy): string {
  const codes = new Set(problems.map(({ code, severity }) => `${severity} ${code}`));
  return [...codes].sort().join(', ');
}

/** Where it takes too long, the shorter time of two: another process beside this one must not count. */
function measured<T>(work: () => T, limitMs: number): { result: T; ms: number } {
  const first = timed(work);
  if (first.ms <= limitMs || first.ms > 10 * limitMs) return first;
  return { ...first, ms: Math.min(first.ms, timed(work).ms) };
}

function timed<T>(work: () => T): { result: T; ms: number } {
  const start = performance.now();
  const result = work();
  return { result, ms: performance.now() - start };
}

function within(what: string, ms: number, limitMs: number, failures: string[]): void {
  if (ms <= limitMs) return;
  const allowedMs = limitMs * slowness();
  if (ms > allowedMs) {
    failures.push(`${what} takes ${ms.toFixed(0)} ms, ${allowedMs.toFixed(0)} ms are allowed here`);
  }
}

function textOfError(error: unknown): string {
  return error instanceof Error && error.stack ? error.stack : String(error);
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
