import { randomBomb } from './bomb-shapes.js';
import { type CheckReport, checkInput, type FuzzTarget } from './checks.js';
import { generateDocument } from './grammar.js';
import { type FuzzInput, MAX_INPUT_BYTES, textOf } from './input.js';
import { mutate } from './mutations.js';
import { Random } from './random.js';

export interface FuzzStats {
  readonly executions: number;
  readonly accepted: number;
  /** Distinct sets of problem codes. */
  readonly codeSets: number;
  /** Distinct codes. */
  readonly codes: number;
  readonly slowestMs: number;
  readonly slowest: FuzzInput;
}

/** Longer ones are not mutated further: they would take the time of many others. */
const MAX_KEPT_LENGTH = 32 * 1024;

/**
 * Makes one input after another, each of it and of nothing but the seed, checks it, and keeps it as a
 * seed for others when it meets a set of problem codes that none before it met.
 */
export class Fuzzer {
  readonly #random: Random;
  readonly #target: FuzzTarget;
  readonly #first: Uint8Array[];
  readonly #corpus: string[] = [];
  /** Those of the corpus that are accepted: most changes to the others stay refused. */
  readonly #good: string[] = [];
  readonly #codeSets = new Set<string>();
  readonly #codes = new Set<string>();
  #executions = 0;
  #accepted = 0;
  #slowestMs = 0;
  #slowest: FuzzInput = '';

  constructor(seed: number, target: FuzzTarget, seeds: readonly Uint8Array[]) {
    this.#random = new Random(seed);
    this.#target = target;
    this.#first = [...seeds].reverse();
  }

  /** The seeds as they are, then what becomes of them; at most MAX_INPUT_BYTES long. */
  next(): FuzzInput {
    const input = this.#draw();
    if (typeof input === 'string') return input.slice(0, MAX_INPUT_BYTES);
    return input.subarray(0, MAX_INPUT_BYTES);
  }

  /** Checks it and counts it. */
  run(input: FuzzInput): CheckReport {
    const report = checkInput(input, this.#target);
    this.#executions += 1;
    if (report.accepted) this.#accepted += 1;
    if (report.parseMs > this.#slowestMs) {
      this.#slowestMs = report.parseMs;
      this.#slowest = input;
    }
    for (const code of report.codes.split(', ')) if (code !== '') this.#codes.add(code);
    if (!this.#codeSets.has(report.codes) || this.#first.length > 0)
      this.#keep(input, report.accepted);
    this.#codeSets.add(report.codes);
    return report;
  }

  get stats(): FuzzStats {
    return {
      executions: this.#executions,
      accepted: this.#accepted,
      codeSets: this.#codeSets.size,
      codes: this.#codes.size,
      slowestMs: this.#slowestMs,
      slowest: this.#slowest,
    };
  }

  #draw(): FuzzInput {
    const first = this.#first.pop();
    if (first) return first;
    const random = this.#random;
    const chance = random.next();
    if (chance < 0.1) return generateDocument(random);
    if (chance < 0.11) return randomBomb(random, random.magnitude(MAX_INPUT_BYTES));
    const base = chance < 0.3 ? generateDocument(random) : this.#pick(chance < 0.7);
    return mutate(base, this.#pick(random.chance(0.5)), random);
  }

  #pick(good: boolean): string {
    return this.#random.pick(good ? this.#good : this.#corpus);
  }

  #keep(input: FuzzInput, accepted: boolean): void {
    if (input.length > MAX_KEPT_LENGTH) return;
    this.#corpus.push(textOf(input));
    if (accepted) this.#good.push(textOf(input));
  }
}
