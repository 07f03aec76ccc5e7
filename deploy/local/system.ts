import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../../control-plane/launch.js';
import { ApiClient, waitFor } from './api-client.js';
import type { LocalConfig } from './config.js';
import { startPostgres } from './postgres.js';
import { type ManagedProcess, runNode, startNode } from './processes.js';

export interface SystemOptions {
  readonly config: LocalConfig;
  /** Everything that this system writes. */
  readonly directory: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Default: local. */
  readonly tenant?: string | undefined;
  /** A Postgres that runs already. */
  readonly databaseUrl?: string | undefined;
  /** More settings of the control plane. */
  readonly controlPlane?: Readonly<Record<string, string>>;
  /** More settings of the agent. */
  readonly agent?: Readonly<Record<string, string>>;
  readonly report: (step: string) => void;
}

export interface LocalNode {
  readonly id: string;
  readonly name: string;
  readonly appliedRevision: number;
  readonly hooks: readonly {
    readonly hook: string;
    readonly backend: string;
    readonly reason: string;
  }[];
}

type Environment = Readonly<Record<string, string>>;

const TENANT = 'local';
const CLUSTER = 'local';
/** Who the login link of `npm start` is for. */
const OWNER = 'owner@localhost';

/**
 * Postgres, control plane and one joined agent, each a process of its own. Made by startSystem; a
 * test may end one with SIGKILL and start it again.
 */
export class LocalSystem {
  readonly apiUrl: string;
  /** Only at the first start of this directory. */
  newApiKey: string | undefined;
  controlPlane: ManagedProcess | undefined;
  agent: ManagedProcess | undefined;
  readonly #options: SystemOptions;
  #stopPostgres: (() => Promise<void>) | undefined;
  #databaseUrl: string | undefined;
  #api: ApiClient | undefined;

  constructor(options: SystemOptions) {
    this.#options = options;
    this.apiUrl = `http://127.0.0.1:${options.httpPort}`;
    this.#databaseUrl = options.databaseUrl;
  }

  /** As an owner of the tenant. */
  get api(): ApiClient {
    if (!this.#api) throw new Error('the control plane was not started');
    return this.#api;
  }

  get databaseUrl(): string {
    if (!this.#databaseUrl) throw new Error('Postgres was not started');
    return this.#databaseUrl;
  }

  async startPostgres(): Promise<void> {
    if (this.#databaseUrl) return;
    this.#options.report('Postgres');
    const dataDirectory = join(this.#options.directory, 'postgres');
    const postgres = await startPostgres({ dataDirectory, log: () => {} });
    this.#stopPostgres = () => postgres.stop();
    this.#databaseUrl = postgres.url;
  }

  /** Brings the database up to date, makes the tenant where it is not there yet, and waits until it serves. */
  async startControlPlane(signal: AbortSignal): Promise<void> {
    const { directory, report, tenant = TENANT } = this.#options;
    report('control plane');
    const main = this.#controlPlaneMain();
    const environment = this.#controlPlaneEnvironment();
    await runNode([main, 'migrate'], environment);
    const args = ['create-tenant', `--name=${tenant}`, '--if-absent', '--json'];
    const made: { apiKey?: string } = JSON.parse(await runNode([main, ...args], environment));
    this.newApiKey = made.apiKey;
    const server = startNode({
      name: 'the control plane',
      args: [...NODE_FLAGS, main],
      environment: { ...NODE_ENVIRONMENT, ...environment },
      logFile: join(directory, 'control-plane.log'),
    });
    this.controlPlane = server;
    await this.#orEnd(
      waitFor('the control plane', () => isReady(this.apiUrl), signal),
      server,
      'control-plane.log',
    );
    this.#api ??= new ApiClient(this.apiUrl, await createInnerKey(main, environment, tenant));
  }

  /** What this machine lacks to run an agent; empty: nothing. */
  async probeAgent(): Promise<readonly string[]> {
    const output = await runNode([this.#agentMain(), 'probe', '--json'], this.#agentEnvironment());
    const probe: { missing: readonly string[] } = JSON.parse(output);
    return probe.missing;
  }

  /** Joins where it has not yet; resolves when the control plane has heard of it. */
  async startAgent(signal: AbortSignal): Promise<LocalNode> {
    const { directory, report } = this.#options;
    report('agent');
    const startedAt = Date.now();
    const agent = startNode({
      name: 'the agent',
      args: [this.#agentMain(), 'run'],
      environment: { ...this.#agentEnvironment(), ...(await this.#joinSettings()) },
      logFile: join(directory, 'agent.log'),
    });
    this.agent = agent;
    const ask = async () => {
      const nodes = await this.api.get<Page<LocalNode & { lastSeenAt?: string }>>('/v1/nodes');
      return nodes.items.find(({ lastSeenAt }) => Date.parse(lastSeenAt ?? '') >= startedAt);
    };
    return this.#orEnd(waitFor('the agent to join', ask, signal), agent, 'agent.log');
  }

  /** Lets a person in once, as an owner of the tenant. */
  async createLoginLink(): Promise<string> {
    const { tenant = TENANT } = this.#options;
    const args = ['create-login-link', `--tenant=${tenant}`, `--email=${OWNER}`, '--json'];
    const output = await runNode(
      [this.#controlPlaneMain(), ...args],
      this.#controlPlaneEnvironment(),
    );
    const made: { link: string } = JSON.parse(output);
    return made.link;
  }

  async stop(): Promise<void> {
    await this.agent?.stop();
    await this.controlPlane?.stop();
    await this.#stopPostgres?.();
    this.agent = undefined;
    this.controlPlane = undefined;
    this.#stopPostgres = undefined;
  }

  #controlPlaneMain(): string {
    return join(this.#options.config.root, 'dist/control-plane/main.js');
  }

  #agentMain(): string {
    return join(this.#options.config.root, 'dist/node-agent/main.js');
  }

  #controlPlaneEnvironment(): Environment {
    const { config, directory, httpPort, grpcPort, controlPlane } = this.#options;
    return {
      ...config.baseEnvironment,
      DATABASE_URL: this.databaseUrl,
      BULKHEAD_MASTER_KEY_FILE: ensureMasterKey(directory),
      BULKHEAD_HTTP_ADDRESS: `127.0.0.1:${httpPort}`,
      BULKHEAD_PUBLIC_URL: this.apiUrl,
      BULKHEAD_GRPC_ADDRESS: `127.0.0.1:${grpcPort}`,
      // Any free one: the log says which.
      BULKHEAD_OPERATIONS_ADDRESS: '127.0.0.1:0',
      // No balancer asks here.
      BULKHEAD_DRAIN_DELAY_MS: '0',
      BULKHEAD_LOG_LEVEL: config.logLevel,
      ...(config.elasticsearchUrl && { ELASTICSEARCH_URL: config.elasticsearchUrl }),
      ...controlPlane,
    };
  }

  #agentEnvironment(): Environment {
    const { config, directory, grpcPort, agent } = this.#options;
    return {
      ...config.baseEnvironment,
      BULKHEAD_LOG_LEVEL: config.logLevel,
      BULKHEAD_CONTROL_PLANE: `127.0.0.1:${grpcPort}`,
      BULKHEAD_STATE_DIR: join(directory, 'agent'),
      BULKHEAD_CRI_SOCKET: config.criSocket,
      BULKHEAD_DETACH_ON_EXIT: 'true',
      ...agent,
    };
  }

  async #joinSettings(): Promise<Environment> {
    if (hasJoined(join(this.#options.directory, 'agent', 'identity.json'))) return {};
    const clusters = await this.api.get<Page<{ id: string; name: string }>>('/v1/clusters');
    const cluster =
      clusters.items.find(({ name }) => name === CLUSTER) ??
      (await this.api.post<{ id: string }>('/v1/clusters', { name: CLUSTER }));
    const path = `/v1/clusters/${cluster.id}/join-tokens`;
    const made = await this.api.post<{ token: string; caPin: string }>(path, {});
    return { BULKHEAD_JOIN_TOKEN: made.token, BULKHEAD_CA_PIN: made.caPin };
  }

  /** The answer, unless the process ends first or the wait is in vain: then with its last words. */
  async #orEnd<Value>(
    answer: Promise<Value>,
    process: ManagedProcess,
    logName: string,
  ): Promise<Value> {
    const end = process.ended.then((how) => {
      throw new Error(how);
    });
    // Where the answer comes first, a later end is no concern of this wait.
    end.catch(() => {});
    try {
      return await Promise.race([answer, end]);
    } catch (error) {
      const log = readFileSync(join(this.#options.directory, logName), 'utf8');
      const last = log.trim().split('\n').slice(-3).join('\n');
      throw new Error(`${error instanceof Error ? error.message : error}\n${last}`);
    }
  }
}

interface Page<Item> {
  readonly items: readonly Item[];
}

/** Everything but the agent. Stops what it started where it fails. */
export async function startSystem(
  options: SystemOptions,
  signal: AbortSignal,
): Promise<LocalSystem> {
  mkdirSync(options.directory, { recursive: true, mode: 0o755 });
  const system = new LocalSystem(options);
  try {
    await system.startPostgres();
    await system.startControlPlane(signal);
    return system;
  } catch (error) {
    await system.stop();
    throw error;
  }
}

function ensureMasterKey(directory: string): string {
  const path = join(directory, 'master.key');
  if (!existsSync(path)) {
    writeFileSync(path, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  }
  return path;
}

/** For what this process itself asks the API: short-lived, and shown to nobody. */
async function createInnerKey(
  main: string,
  environment: Environment,
  tenant: string,
): Promise<string> {
  const args = ['create-api-key', `--tenant=${tenant}`, '--name=local', '--as=owner', '--ttl=1h'];
  const made: { apiKey: string } = JSON.parse(
    await runNode([main, ...args, '--json'], environment),
  );
  return made.apiKey;
}

async function isReady(apiUrl: string): Promise<true | undefined> {
  const response = await fetch(`${apiUrl}/readyz`).catch(() => undefined);
  await response?.body?.cancel();
  return response?.ok ? true : undefined;
}

/** A node's certificate lives for a day: after a longer pause the node has to join again. */
function hasJoined(identityPath: string): boolean {
  if (!existsSync(identityPath)) return false;
  const { certificate }: { certificate: string } = JSON.parse(readFileSync(identityPath, 'utf8'));
  const { validTo } = new X509Certificate(Buffer.from(certificate, 'base64'));
  return new Date(validTo).getTime() > Date.now() + 60_000;
}
