import { Slots } from './slots.js';

export interface GathererOptions<Item, Result> {
  /** How long the first who asks waits for others. */
  readonly afterMs: number;
  /** At the same time, over all keys. */
  readonly runsMax: number;
  readonly run: (key: string, items: readonly Item[]) => Promise<Result>;
}

/**
 * What many ask about one key within a moment costs one run. One run of a key is under way at a time;
 * who asks meanwhile is of the next one, so that an answer is never older than its question.
 */
export class Gatherer<Item, Result> {
  readonly #gathering = new Map<string, { readonly items: Item[]; result: Promise<Result> }>();
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #slots: Slots;

  constructor(private readonly options: GathererOptions<Item, Result>) {
    this.#slots = new Slots(options.runsMax);
  }

  /** Settles as the run did of which the item was. */
  ask(key: string, item: Item): Promise<Result> {
    const gathered = this.#gathering.get(key);
    if (gathered) {
      gathered.items.push(item);
      return gathered.result;
    }
    const items = [item];
    const result = this.#gather(key, items);
    this.#gathering.set(key, { items, result });
    return result;
  }

  /** Resolves when nothing is asked any more, and all that was asked is answered. */
  async settled(): Promise<void> {
    while (this.#gathering.size + this.#running.size > 0) {
      const gathered = [...this.#gathering.values()].map(({ result }) => result);
      await Promise.allSettled([...gathered, ...this.#running.values()]);
    }
  }

  async #gather(key: string, items: readonly Item[]): Promise<Result> {
    await new Promise((resolve) => setTimeout(resolve, this.options.afterMs));
    await this.#running.get(key);
    const leave = await this.#slots.enter();
    this.#gathering.delete(key);
    const result = this.options.run(key, items);
    const ended = result.then(leave, leave);
    this.#running.set(key, ended);
    return result.finally(() => {
      if (this.#running.get(key) === ended) this.#running.delete(key);
    });
  }
}
