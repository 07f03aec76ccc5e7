import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { pino } from 'pino';
import { LossCounter } from '../../node-agent/events/loss-counter.js';
import { Spool } from '../../node-agent/events/spool.js';
import { PolicyService } from '../../node-agent/policy/policy-service.js';
import { identify } from '../../node-agent/uplink/identify.js';
import { type Identity, IdentityStore } from '../../node-agent/uplink/identity.js';
import { addressOf, renew } from '../../node-agent/uplink/join.js';
import { openClient } from '../../node-agent/uplink/service.js';
import { runUplink } from '../../node-agent/uplink/uplink.js';
import type { BundledPolicy } from '../../proto/ts/policy/model.js';
import { publicKeyFromDer } from '../../proto/ts/wire/dsse.js';
import { NODE } from './edge.js';

export interface TestAgentOptions {
  readonly name: string;
  readonly port: number;
  readonly joinToken: string;
  readonly caPin: string;
}

/** All of an agent but the kernel: it joins, keeps its streams open, and its state on disk. */
export class TestAgent {
  readonly directory = mkdtempSync(joinPath(tmpdir(), 'bulkhead-agent-'));
  readonly store = new IdentityStore(this.directory);
  /** What was put in force, each time. */
  readonly applied: (readonly BundledPolicy[])[] = [];
  /** What it logged as a warning or worse. */
  readonly complaints: Record<string, unknown>[] = [];
  #stopped = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: TestAgentOptions) {}

  /** As at each start: what was in force is restored before anybody is asked. Resolves when it has an identity. */
  async start(): Promise<Identity> {
    const { name, port, joinToken, caPin } = this.options;
    const log = pino(
      { level: 'warn' },
      { write: (line) => this.complaints.push(JSON.parse(line)) },
    );
    this.#stopped = new AbortController();
    const controlPlane = { host: '127.0.0.1', port };
    const node = { ...NODE, name };
    let identity = await this.store.load();
    const policies = new PolicyService({
      bundlePath: this.bundlePath,
      enforcement: { applyPolicies: (next) => this.applied.push(next) },
      trust: () =>
        identity && {
          ...identity,
          keys: new Map(
            identity.signingKeys.map((key) => [key.keyId, publicKeyFromDer(key.publicKeyDer)]),
          ),
        },
      log,
    });
    await policies.restore();
    const { store } = this;
    const { signal } = this.#stopped;
    const known = await identify({ controlPlane, joinToken, caPin, node, store, log }, signal);
    if (!known) throw new Error('stopped before it had joined');
    identity = known;
    const losses = new LossCounter();
    const spool = await Spool.open({
      directory: joinPath(this.directory, 'spool'),
      maxBytes: 1024 * 1024,
      bootId: randomUUID(),
      losses,
      log,
    });
    const onIdentity = (next: Identity) => {
      identity = next;
    };
    this.#running = runUplink(
      {
        controlPlane,
        store,
        identity,
        onIdentity,
        node,
        policies,
        spool,
        hooks: () => [],
        losses: () => losses.report(),
        log,
      },
      signal,
    )
      .catch((error: unknown) => this.complaints.push({ msg: 'uplink ended', err: String(error) }))
      .finally(() => spool.close());
    return known;
  }

  get bundlePath(): string {
    return joinPath(this.directory, 'bundle.gz');
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  /** What an agent does at half of its certificate's life. */
  async renewNow(): Promise<void> {
    await this.stop();
    const identity = await this.identity();
    const { caCertificatesDer, certificateDer } = identity;
    const privateKeyPem = await this.store.ensureKey();
    const address = addressOf({ host: '127.0.0.1', port: this.options.port });
    const client = openClient(address, {
      caCertificatesDer,
      client: { certificateDer, privateKeyPem },
    });
    try {
      await this.store.save(await renew(client, identity, privateKeyPem));
    } finally {
      client.close();
    }
    await this.start();
  }

  /** As it is on disk. @throws Error where it has not joined */
  async identity(): Promise<Identity> {
    const identity = await this.store.load();
    if (!identity) throw new Error('it has not joined');
    return identity;
  }

  /** To be called at the end of every test. */
  async destroy(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true });
  }
}
