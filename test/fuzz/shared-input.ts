import { type FuzzInput, MAX_INPUT_BYTES } from './input.js';

/**
 * The input that a worker works on, in memory that another thread reads: what stands there when the
 * worker hangs is what it hangs on.
 */
export class SharedInput {
  readonly buffer: SharedArrayBuffer;
  /** How many were written, length in bytes, 1 for a text. */
  readonly #header: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(12 + 2 * MAX_INPUT_BYTES)) {
    this.buffer = buffer;
    this.#header = new Int32Array(buffer, 0, 3);
    this.#bytes = new Uint8Array(buffer, 12);
  }

  write(input: FuzzInput): void {
    const isText = typeof input === 'string';
    const bytes = isText ? Buffer.from(input, 'utf16le') : input;
    this.#bytes.set(bytes);
    Atomics.store(this.#header, 1, bytes.byteLength);
    Atomics.store(this.#header, 2, isText ? 1 : 0);
    Atomics.add(this.#header, 0, 1);
  }

  get written(): number {
    return Atomics.load(this.#header, 0);
  }

  read(): FuzzInput {
    const bytes = Buffer.from(this.#bytes.slice(0, Atomics.load(this.#header, 1)));
    return Atomics.load(this.#header, 2) === 1 ? bytes.toString('utf16le') : new Uint8Array(bytes);
  }
}
