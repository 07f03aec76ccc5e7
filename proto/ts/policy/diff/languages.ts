/** Which texts there can be of some sort, as a deterministic machine over bytes. */
export interface Language {
  readonly start: number;
  /** The next state; -1: no text begins so. */
  step(state: number, byte: number): number;
  accepts(state: number): boolean;
  /** Bytes of one sort are the same to it. 0: the byte is nothing special anywhere. */
  sortOf(byte: number): number;
}

export const NO_STATE = -1;
const SLASH = 0x2f;
const DOT = 0x2e;

const PATH = { start: 0, root: 1, opened: 2, dot: 3, dots: 4, inside: 5 } as const;

/** Paths as the kernel gives them: absolute, without empty, `.` and `..` components, of any bytes. */
export const KERNEL_PATHS: Language = {
  start: PATH.start,
  step: (state, byte) => {
    if (byte === 0) return NO_STATE;
    if (state === PATH.start) return byte === SLASH ? PATH.root : NO_STATE;
    if (byte === SLASH) return state === PATH.inside ? PATH.opened : NO_STATE;
    if (state === PATH.inside || byte !== DOT) return PATH.inside;
    if (state === PATH.dot) return PATH.dots;
    return state === PATH.dots ? PATH.inside : PATH.dot;
  },
  accepts: (state) => state === PATH.root || state === PATH.inside,
  sortOf: (byte) => [0, SLASH, DOT].indexOf(byte) + 1,
};

/** UTF-8 without \0 (Unicode 16, table 3-7), between `states` of a language over its ASCII bytes. */
function utf8(shape: Language): Language {
  return {
    start: shape.start * UTF8_STATES,
    step: (state, byte) => {
      const unit = utf8Step(state % UTF8_STATES, byte);
      if (unit === NO_STATE || byte === 0) return NO_STATE;
      const next = shape.step(Math.floor(state / UTF8_STATES), byte);
      return next === NO_STATE ? NO_STATE : next * UTF8_STATES + unit;
    },
    accepts: (state) => state % UTF8_STATES === 0 && shape.accepts(Math.floor(state / UTF8_STATES)),
    sortOf: (byte) => (byte < 0x80 ? shape.sortOf(byte) : 0x100 + utf8Sort(byte)),
  };
}

const UTF8_STATES = 8;
/** By state: first and last byte, next state. State 0 is between two characters. */
const UTF8_MOVES: readonly (readonly (readonly [number, number, number])[])[] = [
  [
    [0x01, 0x7f, 0],
    [0xc2, 0xdf, 1],
    [0xe0, 0xe0, 2],
    [0xe1, 0xec, 3],
    [0xed, 0xed, 4],
    [0xee, 0xef, 3],
    [0xf0, 0xf0, 5],
    [0xf1, 0xf3, 6],
    [0xf4, 0xf4, 7],
  ],
  [[0x80, 0xbf, 0]],
  [[0xa0, 0xbf, 1]],
  [[0x80, 0xbf, 1]],
  [[0x80, 0x9f, 1]],
  [[0x90, 0xbf, 3]],
  [[0x80, 0xbf, 3]],
  [[0x80, 0x8f, 3]],
];

function utf8Step(state: number, byte: number): number {
  const move = UTF8_MOVES[state]?.find(([first, last]) => first <= byte && byte <= last);
  return move?.[2] ?? NO_STATE;
}

function utf8Sort(byte: number): number {
  const bounds = [0x90, 0xa0, 0xc0, 0xc2, 0xe0, 0xe1, 0xed, 0xee, 0xf0, 0xf1, 0xf4, 0xf5];
  return bounds.filter((bound) => bound <= byte).length;
}

const ANY: Language = {
  start: 0,
  step: (_state, byte) => (byte === 0 ? NO_STATE : 0),
  accepts: () => true,
  sortOf: (byte) => (byte === 0 ? 1 : 0),
};

export const TEXTS: Language = utf8(ANY);

/** Names and other values that are not empty. */
export const NAMES: Language = utf8({
  ...ANY,
  step: (_state, byte) => (byte === 0 ? NO_STATE : 1),
  accepts: (state) => state === 1,
});

/** Keys of labels have no `:`, which ends them in key:value. */
export const LABEL_KEYS: Language = utf8({
  start: 0,
  step: (_state, byte) => (byte === 0 || byte === 0x3a ? NO_STATE : 1),
  accepts: (state) => state === 1,
  sortOf: (byte) => [0, 0x3a].indexOf(byte) + 1,
});

const IMAGE = { registry: 0, inRegistry: 1, opened: 2, inside: 3 } as const;

/** registry/path */
export const IMAGE_NAMES: Language = utf8({
  start: IMAGE.registry,
  step: (state, byte) => {
    if (byte === 0) return NO_STATE;
    if (byte !== SLASH) {
      return state === IMAGE.registry || state === IMAGE.inRegistry
        ? IMAGE.inRegistry
        : IMAGE.inside;
    }
    return state === IMAGE.inRegistry || state === IMAGE.inside ? IMAGE.opened : NO_STATE;
  },
  accepts: (state) => state === IMAGE.inside,
  sortOf: (byte) => [0, SLASH].indexOf(byte) + 1,
});
