const { imul } = Math;

/** Tuples of numbers, each with how often it was added; indexes rise from 0. */
export class StateTable {
  readonly #width: number;
  #values: Int32Array;
  /** Open addressing: one more than the index of a tuple; 0: free. */
  #slots = new Int32Array(1024);
  #size = 0;
  /** By index of a tuple that was added first: how often it was. */
  readonly #times: number[] = [];

  constructor(width: number) {
    this.#width = width;
    this.#values = new Int32Array(width * 512);
  }

  get size(): number {
    return this.#size;
  }

  /** Writes the tuple into `into`. */
  read(index: number, into: Int32Array): void {
    const from = index * this.#width;
    for (let at = 0; at < this.#width; at += 1) into[at] = this.#values[from + at] as number;
  }

  /** Its new index; undefined: it was added `limit` times before. */
  add(tuple: Int32Array, limit: number): number | undefined {
    const slot = this.#find(tuple);
    const first = (this.#slots[slot] as number) - 1;
    if (first >= 0) {
      const times = this.#times[first] ?? 1;
      if (times >= limit) return undefined;
      this.#times[first] = times + 1;
      return this.#append(tuple);
    }
    const index = this.#append(tuple);
    this.#times[index] = 1;
    this.#slots[slot] = index + 1;
    if (this.#size * 2 > this.#slots.length) this.#grow();
    return index;
  }

  #append(tuple: Int32Array): number {
    const index = this.#size;
    const from = index * this.#width;
    if (from + this.#width > this.#values.length) {
      const values = new Int32Array(this.#values.length * 2);
      values.set(this.#values);
      this.#values = values;
    }
    this.#values.set(tuple, from);
    this.#size += 1;
    return index;
  }

  /** The slot that holds an equal tuple, or the free one where it belongs. */
  #find(tuple: Int32Array): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(tuple, 0, this.#width) & mask;
    for (;;) {
      const index = (this.#slots[slot] as number) - 1;
      if (index < 0 || this.#equals(index, tuple)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #equals(index: number, tuple: Int32Array): boolean {
    const from = index * this.#width;
    for (let at = 0; at < this.#width; at += 1) {
      if (this.#values[from + at] !== tuple[at]) return false;
    }
    return true;
  }

  #grow(): void {
    const former = this.#slots;
    this.#slots = new Int32Array(former.length * 4);
    const mask = this.#slots.length - 1;
    for (const entry of former) {
      if (entry === 0) continue;
      let slot = hashOf(this.#values, (entry - 1) * this.#width, this.#width) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = entry;
    }
  }
}

function hashOf(values: Int32Array, from: number, width: number): number {
  let hash = width;
  for (let at = from; at < from + width; at += 1) {
    hash = imul(hash ^ (values[at] as number), 0x9e37_79b1);
    hash ^= hash >>> 15;
  }
  return hash;
}
