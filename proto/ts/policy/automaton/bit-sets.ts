/** Interned sets of small numbers: equal sets have one id; 0 is the empty set. */
export class BitSets {
  readonly #words: number;
  readonly #sets: Uint32Array[];
  readonly #ids = new Map<string, number>();
  readonly #unions = new Map<number, number>();

  /** `size`: one more than the largest number. */
  constructor(size: number) {
    this.#words = Math.max(1, Math.ceil(size / 32));
    this.#sets = [];
    this.#intern(new Uint32Array(this.#words));
  }

  /** Of 32 bits each, that a set has. */
  get words(): number {
    return this.#words;
  }

  of(members: Iterable<number>): number {
    const set = new Uint32Array(this.#words);
    for (const member of members)
      set[member >>> 5] = (set[member >>> 5] ?? 0) | (1 << (member & 31));
    return this.#intern(set);
  }

  union(a: number, b: number): number {
    if (a === b || b === 0) return a;
    if (a === 0) return b;
    const key = a < b ? a * 0x100_0000 + b : b * 0x100_0000 + a;
    const known = this.#unions.get(key);
    if (known !== undefined) return known;
    const right = this.bits(b);
    const id = this.#intern(this.bits(a).map((word, at) => word | (right[at] ?? 0)));
    this.#unions.set(key, id);
    return id;
  }

  bits(id: number): Uint32Array {
    return this.#sets[id] ?? new Uint32Array(this.#words);
  }

  #intern(set: Uint32Array): number {
    const key = set.join();
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#sets.length;
    this.#sets.push(set);
    this.#ids.set(key, id);
    return id;
  }
}
