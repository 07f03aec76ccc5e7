import { AutomatonTooLarge, buildAutomaton } from '../automaton/build.js';
import { SLASH } from '../automaton/pattern-code.js';
import type { GlobKind } from '../glob.js';
import { matchesGlob } from '../glob-match.js';
import { type Language, NO_STATE } from './languages.js';
import { StateTable } from './state-table.js';
import { Tracker } from './tracker.js';

/** Texts of a language, and the lists of patterns that tell them apart. */
export interface TextSpace {
  readonly language: Language;
  readonly machines: readonly TextMachine[];
  /** Texts to begin with, those that look most ordinary first. */
  readonly ordinary: readonly string[];
  /** How many texts are wanted of each class. */
  readonly perClass?: number;
}

export interface TextMachine {
  readonly lists: readonly (readonly string[])[];
  readonly kind: GlobKind;
  /** The patterns are about the last component alone. */
  readonly lastComponent?: boolean;
}

/** Whether a list of a machine matches the texts of a class. */
export function isMatched({ matched }: TextClass, list: number, machine = 0): boolean {
  return (((matched[machine]?.[list >>> 5] ?? 0) >>> (list & 31)) & 1) === 1;
}

/** Texts that the same lists match. */
export interface TextClass {
  readonly texts: readonly Uint8Array[];
  /** By machine: the lists that match, a bit each. */
  readonly matched: readonly Uint32Array[];
}

export interface TextClasses {
  /** In the order of how ordinary they look. */
  readonly classes: readonly TextClass[];
  /** These are all that there are. */
  readonly complete: boolean;
}

/** It bounds the time of one exploration to about a second. */
const MAX_STATES = 100_000;

/** Goes through every state that a text can bring the lists to, shortest texts first. */
export function textClasses(space: TextSpace): TextClasses {
  try {
    return new Explorer(space).run();
  } catch (error) {
    // Lists that fit two automatons need not fit one.
    if (!(error instanceof AutomatonTooLarge)) throw error;
    return { classes: ordinaryClasses(space), complete: false };
  }
}

const ORDINARY_TRIED = 200;

function ordinaryClasses({ ordinary, machines, language }: TextSpace): TextClass[] {
  const encoder = new TextEncoder();
  return ordinary.slice(0, ORDINARY_TRIED).flatMap((text) => {
    const bytes = encoder.encode(text);
    let state = language.start;
    for (const byte of bytes) if (state !== NO_STATE) state = language.step(state, byte);
    if (state === NO_STATE || !language.accepts(state)) return [];
    const matched = machines.map(({ lists, kind, lastComponent }) => {
      const part = lastComponent ? text.slice(text.lastIndexOf('/') + 1) : text;
      const bits = new Uint32Array(Math.max(1, Math.ceil(lists.length / 32)));
      lists.forEach((list, at) => {
        if (!list.some((pattern) => matchesGlob(pattern, part, kind))) return;
        bits[at >>> 5] = (bits[at >>> 5] ?? 0) | (1 << (at & 31));
      });
      return bits;
    });
    return [{ texts: [bytes], matched }];
  });
}

class Explorer {
  readonly #space: TextSpace;
  readonly #perClass: number;
  readonly #trackers: readonly Tracker[];
  readonly #alphabet: readonly number[];
  readonly #classes = new Map<string, { texts: Uint8Array[]; matched: Uint32Array[] }>();
  /** A state is that of the language, and then those of the trackers. */
  readonly #states: StateTable;
  /** By state: the one before and the byte in between. */
  readonly #parents: number[] = [];
  readonly #bytes: number[] = [];
  readonly #from: Int32Array;
  readonly #to: Int32Array;

  constructor(space: TextSpace) {
    this.#space = space;
    this.#perClass = space.perClass ?? 1;
    const tables = space.machines.map(({ lists, kind }) => buildAutomaton(lists, kind));
    let width = 1;
    this.#trackers = space.machines.flatMap(({ lists, lastComponent = false }, machine) => {
      const table = tables[machine];
      if (!table) return [];
      const tracker = new Tracker(table, lists.length, lastComponent, width);
      width += tracker.width;
      return [tracker];
    });
    const classes = tables.map((table) => table.classes);
    this.#alphabet = alphabetOf(classes, space.language, this.#perClass);
    this.#states = new StateTable(width);
    this.#from = new Int32Array(width);
    this.#to = new Int32Array(width);
  }

  run(): TextClasses {
    const encoder = new TextEncoder();
    for (const text of this.#space.ordinary) this.#tryText(encoder.encode(text));
    const complete = this.#explore();
    return { classes: [...this.#classes.values()], complete };
  }

  #begin(): void {
    this.#to[0] = this.#space.language.start;
    for (const tracker of this.#trackers) tracker.begin(this.#to);
  }

  /** From `#from` to `#to`. */
  #step(next: number, byte: number): void {
    this.#to[0] = next;
    for (const tracker of this.#trackers) tracker.step(this.#from, this.#to, byte);
  }

  #tryText(bytes: Uint8Array): void {
    this.#begin();
    for (const byte of bytes) {
      this.#from.set(this.#to);
      const next = this.#space.language.step(this.#from[0] ?? 0, byte);
      if (next === NO_STATE) return;
      this.#step(next, byte);
    }
    if (this.#space.language.accepts(this.#to[0] ?? 0)) this.#record(() => bytes);
  }

  /** Whether it came to its end. */
  #explore(): boolean {
    this.#begin();
    this.#add(-1, 0);
    for (let state = 0; state < this.#states.size; state += 1) {
      if (state > MAX_STATES) return false;
      this.#states.read(state, this.#from);
      this.#expand(state);
    }
    return true;
  }

  #expand(state: number): void {
    const { language } = this.#space;
    /** States of the language that a byte which no head tells from others has led to. */
    const plain: number[] = [];
    for (const byte of this.#alphabet) {
      const next = language.step(this.#from[0] ?? 0, byte);
      if (next === NO_STATE) continue;
      if (this.#perClass === 1 && byte !== SLASH && !this.#isSpecial(byte)) {
        if (plain.includes(next)) continue;
        plain.push(next);
      }
      this.#step(next, byte);
      this.#add(state, byte);
    }
  }

  #isSpecial(byte: number): boolean {
    return this.#trackers.some((tracker) => tracker.isSpecial(this.#from, byte));
  }

  #add(parent: number, byte: number): void {
    const state = this.#states.add(this.#to, this.#perClass);
    if (state === undefined) return;
    this.#parents.push(parent);
    this.#bytes.push(byte);
    if (this.#space.language.accepts(this.#to[0] ?? 0)) this.#record(() => this.#textOf(state));
  }

  /** Takes the text of `#to` for its class. */
  #record(text: () => Uint8Array): void {
    const ids = this.#trackers.map((tracker) => tracker.finish(this.#to));
    const key = ids.join();
    const known = this.#classes.get(key);
    if (known) {
      if (known.texts.length < this.#perClass) addDistinct(known.texts, text());
      return;
    }
    const matched = this.#trackers.map(({ sets }, at) => sets.bits(ids[at] ?? 0));
    this.#classes.set(key, { texts: [text()], matched });
  }

  #textOf(state: number): Uint8Array {
    const bytes: number[] = [];
    for (let at = state; at > 0; at = this.#parents[at] ?? 0) bytes.push(this.#bytes[at] ?? 0);
    return Uint8Array.from(bytes.reverse());
  }
}

function addDistinct(texts: Uint8Array[], text: Uint8Array): void {
  if (!texts.some((one) => one.join() === text.join())) texts.push(text);
}

/** Bytes in the order in which people like to read them. */
const PREFERRED: readonly number[] = preferredBytes();

function preferredBytes(): number[] {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789-_./ABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const first = [...letters].map((char) => char.charCodeAt(0));
  const printable = Array.from({ length: 0x7f - 0x20 }, (_, at) => 0x20 + at);
  const all = Array.from({ length: 256 }, (_, byte) => byte);
  return [...new Set([...first, ...printable, ...all])];
}

/** The first of some bytes in the order in which people like to read them. */
export function preferredByte(has: (byte: number) => boolean): number | undefined {
  return PREFERRED.find(has);
}

/** `perClass` bytes of each sort that neither the automatons nor the language tell apart. */
function alphabetOf(
  classes: readonly Uint8Array[],
  language: Language,
  perClass: number,
): readonly number[] {
  const sameTo = (byte: number): string => classes.map((of) => of[byte]).join();
  const plain = new Set(
    PREFERRED.filter((byte) => byte < 0x80 && language.sortOf(byte) === 0).map(sameTo),
  );
  // A byte above ASCII matters only where no byte of ASCII does the same.
  const needsHigh = PREFERRED.some((byte) => byte >= 0x80 && !plain.has(sameTo(byte)));
  const moves: number[] = [];
  const counts = new Map<string, number>();
  for (const byte of PREFERRED) {
    if (byte >= 0x80 && !needsHigh) continue;
    const key = `${language.sortOf(byte)};${sameTo(byte)}`;
    const count = counts.get(key) ?? 0;
    if (count >= perClass) continue;
    counts.set(key, count + 1);
    moves.push(byte);
  }
  return moves;
}
