import { readFileIfPresent, writeFileAtomic } from '../files.js';
import type { RingPosition } from './batch-record.js';

/**
 * The last spooled position of each ring of one instance (the rings that were last in use). Kept in
 * a file of its own for what the segments no longer tell: it is saved before a segment is deleted.
 */
export class RingPositions {
  readonly #path: string;
  #instance: bigint;
  readonly #byName: Map<string, bigint>;
  #saved = '';
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, instance: bigint, positions: ReadonlyMap<string, bigint>) {
    this.#path = path;
    this.#instance = instance;
    this.#byName = new Map(positions);
  }

  static async load(path: string): Promise<RingPositions> {
    const bytes = await readFileIfPresent(path);
    if (bytes === undefined) return new RingPositions(path, 0n, new Map());
    const { instance, positions } = parse(bytes.toString('utf8'));
    return new RingPositions(path, instance, positions);
  }

  /** 0n: none yet. */
  get instance(): bigint {
    return this.#instance;
  }

  of(ring: string): bigint {
    return this.#byName.get(ring) ?? 0n;
  }

  /** Takes a later position over; one of other rings is passed over. */
  add({ name, instance, position }: RingPosition): void {
    if (instance === this.#instance && position > this.of(name)) this.#byName.set(name, position);
  }

  /** The rings in use from now on. Positions of others are dropped. Durable when it resolves. */
  async use(instance: bigint): Promise<void> {
    if (instance !== this.#instance) {
      this.#instance = instance;
      this.#byName.clear();
    }
    await this.save();
  }

  /** Durable when it resolves. */
  save(): Promise<void> {
    const next = this.#saving.then(() => this.#write());
    this.#saving = next.catch(() => undefined);
    return next;
  }

  async #write(): Promise<void> {
    const positions = Object.fromEntries(
      [...this.#byName].map(([name, position]) => [name, `${position}`]),
    );
    const text = JSON.stringify({ instance: `${this.#instance}`, positions });
    if (text === this.#saved) return;
    await writeFileAtomic(this.#path, text);
    this.#saved = text;
  }
}

/** The file is only ever replaced as a whole: another form than ours is damage, and is said. */
function parse(text: string): { instance: bigint; positions: Map<string, bigint> } {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new Error('ring positions: not an object');
  const fields = new Map<string, unknown>(Object.entries(value));
  const positions = Object.entries(fields.get('positions') ?? {});
  return {
    instance: BigInt(String(fields.get('instance'))),
    positions: new Map(positions.map(([name, position]) => [name, BigInt(String(position))])),
  };
}
