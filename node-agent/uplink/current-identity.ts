import type { Identity, IdentityStore } from './identity.js';

/** The identity in use. A change is on disk before anybody sees it, and changes follow one another. */
export class CurrentIdentity {
  #value: Identity;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(
    identity: Identity,
    private readonly store: Pick<IdentityStore, 'save'>,
    private readonly onIdentity: (identity: Identity) => void,
  ) {
    this.#value = identity;
  }

  get value(): Identity {
    return this.#value;
  }

  /** Rejects where it could not be written: all stays as it was. */
  change(part: Partial<Identity>): Promise<Identity> {
    const next = this.#queue.then(async () => {
      const identity = { ...this.#value, ...part };
      await this.store.save(identity);
      this.#value = identity;
      this.onIdentity(identity);
      return identity;
    });
    this.#queue = next.catch(() => undefined);
    return next;
  }
}
