import type { Logger } from 'pino';
import { Bell } from '../domain/bell.js';
import { KEYS_POLL_MS } from '../domain/key-rotation.js';
import type { Keyring, KeySource } from '../domain/keyring.js';
import { CHANNELS } from '../store/database.js';
import { listKeys, type PlatformKey } from '../store/platform-keys.js';
import { ensureKeys, type KeyStore, keyringFrom } from './keyring.js';

export interface KeyWatchOptions extends KeyStore {
  /** Looks for changed master keys, which must be there before what they seal is read. */
  readonly refreshVault: () => Promise<void>;
  readonly log: Logger;
}

/** The installation's keys as they are now: a change is taken without a restart. */
export class KeyWatch implements KeySource {
  readonly #listeners = new Set<() => void>();
  readonly #stopped = new AbortController();
  readonly #bell = new Bell();
  #running: Promise<void> = Promise.resolve();

  private constructor(
    private readonly options: KeyWatchOptions,
    private keyring: Keyring,
    private seen: string,
  ) {}

  /** @throws Error where the master key is not the one that sealed them */
  static async start(options: KeyWatchOptions): Promise<KeyWatch> {
    const keys = await ensureKeys(options);
    const watch = new KeyWatch(options, await keyringFrom(keys, options.vault), nameOf(keys));
    const subscription = await options.database.listen(CHANNELS.keys, () => watch.#bell.ring());
    watch.#running = watch.#run().finally(() => subscription.close());
    return watch;
  }

  get current(): Keyring {
    return this.keyring;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    for (;;) {
      await this.#bell.wait(KEYS_POLL_MS * (0.5 + Math.random() / 2), signal);
      if (signal.aborted) return;
      await this.#look().catch((error: unknown) =>
        this.options.log.error({ err: error }, 'the keys could not be read, the former ones stay'),
      );
    }
  }

  async #look(): Promise<void> {
    const { database, vault, log } = this.options;
    await this.options.refreshVault();
    const keys = await database.withPlatform((tx) => listKeys(tx));
    const seen = nameOf(keys);
    if (seen === this.seen) return;
    this.keyring = await keyringFrom(keys, vault);
    this.seen = seen;
    log.info({ trust: this.keyring.trustSha256.toString('hex') }, 'the keys have changed');
    for (const listener of this.#listeners) listener();
  }
}

/** Says whether anything changed. */
function nameOf(keys: readonly PlatformKey[]): string {
  return JSON.stringify(keys.map(({ id, state }) => [id, state]));
}
