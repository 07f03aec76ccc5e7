import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readLocalConfig } from '../../deploy/local/config.js';
import { type LocalContainerd, startContainerd } from '../../deploy/local/containerd.js';
import { freePort } from '../../deploy/local/processes.js';
import { type LocalNode, type LocalSystem, startSystem } from '../../deploy/local/system.js';
import { startTcpProxy, type TcpProxy } from '../fakes/tcp-proxy.js';
import { eventually } from './eventually.js';

/** The whole system beside a container runtime of its own; agent and control plane talk through a wire that a test may cut. */
export interface TestSystem {
  readonly system: LocalSystem;
  readonly runtime: LocalContainerd;
  readonly wire: TcpProxy;
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Starts the agent; again after it was ended. */
  startAgent(): Promise<LocalNode>;
  /** Makes a policy, assigns it to every cluster and waits until the node has it in force. */
  enforce(name: string, source: string): Promise<void>;
  stop(): Promise<void>;
}

/** Runs the compiled programs: `npm run build` comes first. */
export async function startTestSystem(
  options: {
    readonly controlPlane?: Readonly<Record<string, string>>;
    readonly tenant?: string;
    /** Another one, whose database this one uses too: a second replica. */
    readonly beside?: TestSystem;
  } = {},
): Promise<TestSystem> {
  const { beside } = options;
  const directory = mkdtempSync(join(tmpdir(), 'bulkhead-e2e-'));
  const stopped = new AbortController();
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
    stopped.abort();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const cgroupParent = `/bulkhead-e2e-${process.pid}-${await freePort()}`;
    const runtime = await startContainerd({ directory: join(directory, 'c'), cgroupParent });
    stops.push(() => runtime.stop());
    const grpcPort = await freePort();
    const wire = await startTcpProxy(grpcPort);
    stops.push(() => wire.close());
    const agent = {
      BULKHEAD_CONTROL_PLANE: `127.0.0.1:${wire.port}`,
      BULKHEAD_CRI_SOCKET: runtime.socketPath,
      BULKHEAD_CONTAINER_CGROUPS: cgroupParent,
      BULKHEAD_BPFFS: join(directory, 'bpffs'),
    };
    const config = { ...readLocalConfig({ PATH: process.env.PATH }), logLevel: 'debug' };
    const system = await startSystem(
      {
        config,
        directory: join(directory, 'system'),
        httpPort: await freePort(),
        grpcPort,
        tenant: options.tenant,
        databaseUrl: beside?.system.databaseUrl,
        controlPlane: {
          BULKHEAD_WEBHOOK_PRIVATE: 'true',
          ...(beside && { BULKHEAD_MASTER_KEY_FILE: masterKeyOf(beside) }),
          ...options.controlPlane,
        },
        agent,
        report: () => {},
      },
      stopped.signal,
    );
    stops.push(async () => {
      await system.stop();
      // A test may leave an agent dead: what it pinned goes all the same.
      const main = join(config.root, 'dist/node-agent/main.js');
      const environment = { ...config.baseEnvironment, ...agent };
      execFileSync(process.execPath, [main, 'detach'], { env: environment, stdio: 'ignore' });
    });
    let node: LocalNode | undefined;
    return {
      system,
      runtime,
      wire,
      directory,
      signal: stopped.signal,
      async startAgent() {
        node = await system.startAgent(stopped.signal);
        return node;
      },
      async enforce(name, source) {
        const nodeId = node?.id;
        const before = await system.api.get<LocalNode>(`/v1/nodes/${nodeId}`);
        const policy = await system.api.post<{ id: string }>('/v1/policies', { name, source });
        const body = { name, policyId: policy.id, clusters: '', mode: 'enforce' };
        await system.api.post('/v1/assignments', body);
        await eventually(async () => {
          const now = await system.api.get<LocalNode>(`/v1/nodes/${nodeId}`);
          if (now.appliedRevision <= before.appliedRevision) throw new Error('not yet in force');
        });
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function masterKeyOf({ directory }: TestSystem): string {
  return join(directory, 'system/master.key');
}
