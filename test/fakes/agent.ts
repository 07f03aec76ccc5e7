import { randomUUID } from 'node:crypto';
import { type ClientHttp2Session, connect } from 'node:http2';
import { backoffMs, sleep } from '../../proto/ts/wire/backoff.js';
import { SERVER_NAME } from '../../proto/ts/wire/limits.js';
import { loadMessageType } from '../../proto/ts/wire/protos.js';
import { type GrpcCall, openCall } from './grpc-call.js';

export interface AgentOptions {
  /** Of the replicas, as a balancer would have them; asks for the next one where one does not answer. */
  readonly ports: () => readonly number[];
  readonly name: string;
  readonly caPem: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** An update came; it is in force at once. */
  readonly onUpdate?: (revision: number) => void;
}

export interface SentBatch {
  readonly bootId: string;
  readonly sequence: number;
}

interface UnderWay extends SentBatch {
  readonly batch: object;
  readonly settle: () => void;
}

/** As the real agent has them. */
const RECONNECT = { initialMs: 250, maxMs: 30_000 };
const HEARTBEAT_MS = 45_000;
const KEEPALIVE_MS = 120_000;
const HANDSHAKE_LIMIT_MS = 60_000;

/**
 * What the control plane sees of an agent: two streams over a TLS connection of its own, Hello, acks,
 * heartbeats, batches that are sent again until they are acknowledged. Thousands fit in one process.
 */
export class SimulatedAgent {
  readonly #bootId = randomUUID();
  readonly #underWay: UnderWay[] = [];
  readonly #stopped = new AbortController();
  #events: GrpcCall | undefined;
  #running: Promise<void> = Promise.resolve();
  #sequence = 0;
  /** Of the bundle in force. */
  revision = 0;
  /** Whether it was offered a revision that it had already, or an older one. */
  wasOfferedOlder = false;
  isConnected = false;
  /** Streams that ended without being asked to, by what was said. */
  readonly failures = new Map<string, number>();
  /** The same of connections that came to no stream. */
  readonly failedTries = new Map<string, number>();

  constructor(private readonly options: AgentOptions) {}

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  /** Resolves when it is acknowledged, however often it had to be sent. */
  sendBatch(payload: Uint8Array, eventCount: number): { sent: SentBatch; stored: Promise<void> } {
    this.#sequence += 1;
    const sent = { bootId: this.#bootId, sequence: this.#sequence };
    const batch = {
      ...sent,
      kind: 'BATCH_KIND_TELEMETRY',
      eventCount,
      createdUnixMs: Date.now(),
      payload,
    };
    const stored = new Promise<void>((settle) => {
      this.#underWay.push({ ...sent, batch, settle });
    });
    this.#events?.write({ batch });
    return { sent, stored };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    for (let failures = 0; !signal.aborted; ) {
      const ports = this.options.ports();
      const port = ports[failures % ports.length] ?? 0;
      const waitMs = await this.#session(port).catch((error: unknown) => {
        const { code = 'error' } = error as { code?: string };
        const failures = this.isConnected ? this.failures : this.failedTries;
        failures.set(code, (failures.get(code) ?? 0) + 1);
        return undefined;
      });
      const wasGood = this.isConnected;
      this.isConnected = false;
      failures = wasGood ? 1 : failures + 1;
      await sleep(waitMs ?? backoffMs(failures - 1, RECONNECT), signal);
    }
  }

  /** Resolves to how long it is to stay away. */
  async #session(port: number): Promise<number> {
    const { signal } = this.#stopped;
    const { caPem, certificatePem, privateKeyPem } = this.options;
    const session = connect(`https://127.0.0.1:${port}`, {
      ca: caPem,
      cert: certificatePem,
      key: privateKeyPem,
      servername: SERVER_NAME,
    });
    const onAbort = () => session.destroy();
    signal.addEventListener('abort', onAbort);
    try {
      await connected(session);
      return await this.#serve(session);
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#events = undefined;
      session.destroy();
    }
  }

  #serve(session: ClientHttp2Session): Promise<number> {
    return new Promise<number>((resolve, reject) => {
      const policies = openCall(session, 'Policies', POLICIES, (message) => {
        const { update, reconnect } = message as PoliciesMessage;
        if (update) this.#apply(policies, update);
        if (reconnect) resolve(reconnect.afterMs ?? 0);
      });
      const events = openCall(session, 'Events', EVENTS, (message) => {
        const { ack, reconnect } = message as EventsMessage;
        if (ack) this.#settle(ack);
        if (reconnect) resolve(reconnect.afterMs ?? 0);
      });
      const { name } = this.options;
      const node = { name, kernelRelease: '6.1.0', architecture: 'x86_64', agentVersion: '0.1.0' };
      policies.write({ hello: { node, appliedRevision: this.revision } });
      for (const { batch } of this.#underWay) events.write({ batch });
      this.#events = events;
      this.isConnected = true;
      const losses = { emitted: 0, acknowledged: 0, dropped: [] };
      const heartbeat = setInterval(
        () => policies.write({ heartbeat: { appliedRevision: this.revision, losses } }),
        HEARTBEAT_MS * (0.8 + Math.random() / 5),
      );
      const keepalive = setInterval(() => session.ping(() => {}), KEEPALIVE_MS);
      session.once('close', () => {
        clearInterval(heartbeat);
        clearInterval(keepalive);
        reject(new CallError('closed'));
      });
      session.on('error', reject);
      for (const { ended } of [policies, events]) {
        ended.then(({ code }) => reject(new CallError(code)));
      }
    });
  }

  #apply(policies: GrpcCall, update: NonNullable<PoliciesMessage['update']>): void {
    const revision = Number(update.revision);
    if (revision <= this.revision) this.wasOfferedOlder = true;
    this.revision = revision;
    policies.write({ ack: { nonce: update.nonce, revision, hooks: [] } });
    this.options.onUpdate?.(revision);
  }

  #settle({ bootId, sequence }: NonNullable<EventsMessage['ack']>): void {
    const at = this.#underWay.findIndex(
      (sent) => sent.bootId === bootId && sent.sequence === Number(sequence),
    );
    if (at >= 0) this.#underWay.splice(at, 1)[0]?.settle();
  }
}

class CallError extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

interface PoliciesMessage {
  readonly update?: { readonly nonce: string; readonly revision: string };
  readonly reconnect?: { readonly afterMs?: number };
}

interface EventsMessage {
  readonly ack?: { readonly bootId: string; readonly sequence: string };
  readonly reconnect?: { readonly afterMs?: number };
}

const typesOf = (method: string) => ({
  request: loadMessageType('bulkhead/v1/agent.proto', `bulkhead.v1.${method}Request`),
  response: loadMessageType('bulkhead/v1/agent.proto', `bulkhead.v1.${method}Response`),
});
const POLICIES = typesOf('Policies');
const EVENTS = typesOf('Events');
export const JOIN = typesOf('Join');

/** Until then the other end has not looked at the certificate. */
export function connected(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    session.once('connect', () => resolve());
    session.once('close', () => reject(new CallError('closed')));
    session.on('error', reject);
    session.setTimeout(HANDSHAKE_LIMIT_MS, () => session.destroy(new CallError('handshake')));
    session.once('remoteSettings', () => session.setTimeout(0));
  });
}
