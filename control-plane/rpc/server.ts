import * as grpc from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { AgentServiceHandlers } from '../../proto/ts/gen/bulkhead/v1/AgentService.js';
import { LIMITS, SERVER_NAME } from '../../proto/ts/wire/limits.js';
import type { KeySource } from '../domain/keyring.js';
import type { Rates } from '../domain/rates.js';
import { Slots } from '../domain/slots.js';
import type { LimitMetrics } from '../metrics/limits.js';
import type { RpcMetrics } from '../metrics/rpc.js';
import type { Database } from '../store/database.js';
import { deepenBacklog } from './backlog.js';
import { BundleSource } from './bundle-source.js';
import { bidi, type CallGate, unary } from './calls.js';
import { ConnectedNodes } from './connected-nodes.js';
import { CONNECTION_OPTIONS, Connections, SILENCE_MAX_MS } from './connections.js';
import { ServerIdentity } from './credentials.js';
import { type EventsDependencies, serveEvents } from './events.js';
import { FLOW_OPTIONS, widenReceiveWindow } from './flow-window.js';
import { checkReceiveWindow } from './flow-window-check.js';
import { type JoinDependencies, join, renew } from './join.js';
import { NodeReports } from './node-reports.js';
import { NodeWatch } from './node-watch.js';
import { type PoliciesDependencies, servePolicies } from './policies.js';
import { EventPace, JoinLimits } from './rate-limits.js';
import { loadAgentService } from './service.js';
import { DEFAULT_STREAM_LIFETIME_MS, StreamLife } from './stream-life.js';

export interface RpcServerOptions {
  readonly database: Database;
  readonly log: Logger;
  readonly metrics: RpcMetrics;
  readonly rates: Rates;
  readonly limits: LimitMetrics;
  readonly keys: KeySource;
  readonly trustDomain: string;
  /** What agents call this server, for its certificate. */
  readonly names: readonly string[];
  readonly host: string;
  /** 0: any. */
  readonly port: number;
  /** SILENCE_MAX_MS where it is not given. */
  readonly silenceMaxMs?: number;
}

const RECONNECT_SPREAD_MS = 10_000;
/** Bundles that are on their way at the same time: of each, the connection holds a copy until it is sent. */
const OFFERS_MAX = 64;

/** The gRPC edge of one replica. */
export class RpcServer {
  readonly #server: grpc.Server;
  readonly #connections = new Connections();
  readonly #identity: ServerIdentity;
  readonly #watch: NodeWatch;
  readonly #reports: NodeReports;
  readonly #bundles: BundleSource;
  readonly #life = new StreamLife({
    maxLifetimeMs: DEFAULT_STREAM_LIFETIME_MS,
    reconnectSpreadMs: RECONNECT_SPREAD_MS,
  });
  #renewal: NodeJS.Timeout | undefined;
  #ignoreKeys: (() => void) | undefined;

  constructor(private readonly options: RpcServerOptions) {
    const { database, log, metrics, keys, trustDomain } = options;
    this.#identity = new ServerIdentity(keys, options.names);
    this.#watch = new NodeWatch(database, log);
    this.#reports = new NodeReports({
      database,
      log,
      onRefused: (tenantId) => this.#watch.look(tenantId),
    });
    this.#bundles = new BundleSource(options);
    this.#server = new grpc.Server({
      ...FLOW_OPTIONS,
      ...CONNECTION_OPTIONS,
      'grpc.max_receive_message_length': LIMITS.grpcMessageBytes,
      'grpc.max_send_message_length': LIMITS.grpcMessageBytes,
    });
    widenReceiveWindow(this.#server);
    deepenBacklog(this.#server);
    this.#connections.watch(this.#server, options.silenceMaxMs ?? SILENCE_MAX_MS);
    const gate: CallGate = { log, metrics, trustDomain, keys, watch: this.#watch };
    const life = this.#life;
    const limits = new JoinLimits(options.rates, options.limits);
    const joining: JoinDependencies = { database, metrics, limits, keys, trustDomain };
    const policies: PoliciesDependencies = {
      bundles: this.#bundles,
      keys,
      reports: this.#reports,
      nodes: new ConnectedNodes(metrics.connectedNodes),
      offersUnderWay: new Slots(OFFERS_MAX),
      life,
      metrics,
    };
    const pace = new EventPace(options.rates, options.limits);
    const events: EventsDependencies = { database, life, metrics, pace };
    const handlers: AgentServiceHandlers = {
      Join: unary(gate, (request, context) => join(joining, request, context)),
      Renew: unary(gate, (request, context) => renew(joining, request, context)),
      Policies: bidi(gate, (call, context) => servePolicies(policies, call, context)),
      Events: bidi(gate, (call, context) => serveEvents(events, call, context)),
    };
    this.#server.addService(loadAgentService(), { ...handlers });
  }

  /** Resolves with the port that it listens on. */
  async start(): Promise<number> {
    await this.#identity.renew(new Date());
    this.#renewal = setInterval(() => this.#renew(), ServerIdentity.renewEveryMs);
    this.#ignoreKeys = this.options.keys.onChange(() => {
      this.#renew();
      this.#bundles.ringAll();
    });
    await Promise.all([this.#watch.start(), this.#bundles.start()]);
    this.#reports.start();
    const { host, port } = this.options;
    const address = addressOf(host, port);
    const bound = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(address, this.#identity.credentials, (error, bound) => {
        if (error) reject(new Error(`cannot listen on ${address}: ${error.message}`));
        else resolve(bound);
      });
    });
    const ownUrl = `https://${addressOf(reachable(host), bound)}`;
    const trust = { ca: this.#identity.caPem, servername: SERVER_NAME };
    await checkReceiveWindow(ownUrl, trust, this.options.log);
    return bound;
  }

  /** Tells every stream to go elsewhere and waits until they did; ends them where `cut` aborts. */
  async stop(cut: AbortSignal): Promise<void> {
    clearInterval(this.#renewal);
    this.#ignoreKeys?.();
    this.#life.drain();
    const force = () => {
      this.#server.forceShutdown();
      this.#connections.destroy();
    };
    const closed = new Promise<void>((resolve) => {
      this.#server.tryShutdown(() => resolve());
    });
    if (cut.aborted) force();
    cut.addEventListener('abort', force);
    await closed;
    cut.removeEventListener('abort', force);
    await Promise.all([this.#watch.stop(), this.#bundles.stop(), this.#reports.stop()]);
  }

  #renew(): void {
    this.#identity
      .renew(new Date())
      .catch((error: unknown) => this.options.log.error({ err: error }, 'renewal failed'));
  }
}

function addressOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The address to connect to where one listens on all of them. */
function reachable(host: string): string {
  return { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
}
