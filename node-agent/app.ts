import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { arch, release } from 'node:os';
import { join as joinPath } from 'node:path';
import { type Logger, pino } from 'pino';
import type { HookStatus as WireHook } from '../proto/ts/gen/bulkhead/v1/HookStatus.js';
import { sleep } from '../proto/ts/wire/backoff.js';
import { publicKeyFromDer } from '../proto/ts/wire/dsse.js';
import { BulkheadError } from '../proto/ts/wire/errors.js';
import { ensureBpffs, removeBpffs } from './bpffs.js';
import type { Config } from './config.js';
import { cgroupId, findCgroupRoot, nestedCgroupIds } from './containers/cgroup-tree.js';
import { ContainerWatch } from './containers/container-watch.js';
import { CriClient } from './containers/cri-client.js';
import { KernelLosses } from './events/kernel-losses.js';
import { LossCounter } from './events/loss-counter.js';
import { Spool } from './events/spool.js';
import { type Engine, type HookStatus, openEngine } from './native/native.js';
import { probeMachine } from './needs.js';
import { Enforcement } from './policy/enforcement.js';
import { KernelStateFile } from './policy/kernel-state.js';
import { PolicyService } from './policy/policy-service.js';
import { identify } from './uplink/identify.js';
import { type Identity, IdentityStore } from './uplink/identity.js';
import { runUplink } from './uplink/uplink.js';
import { AGENT_VERSION } from './version.js';

const TIDY_MS = 5_000;
const WATCH_PARENTS_MS = 5_000;

/** The composition root of the agent. Resolves when the signal aborted and everything is closed. */
export async function runAgent(config: Config, signal: AbortSignal): Promise<void> {
  const log = pino({ level: config.logLevel, name: 'agent' }, pino.destination(2));
  const { controlPlane } = config;
  if (!controlPlane) throw new Error('BULKHEAD_CONTROL_PLANE is not set');
  const cgroupRoot = await findCgroupRoot();
  const lacking = [
    ...probeMachine(config.backends).missing,
    ...(cgroupRoot ? [] : ['a mounted cgroup v2']),
  ];
  if (!cgroupRoot || lacking.length > 0) {
    throw new Error(`cannot protect this node, it lacks: ${lacking.join('; ')}`);
  }
  await mkdir(config.stateDirectory, { recursive: true, mode: 0o700 });
  const store = new IdentityStore(config.stateDirectory);
  const closing: (() => Promise<void> | void)[] = [];
  // Ends every loop also where one of them fails.
  const failed = new AbortController();
  const running = AbortSignal.any([signal, failed.signal]);
  let identity = await store.load();
  try {
    const parts = await assemble(config, cgroupRoot, log, closing, () => identity === undefined);
    const node = nodeInfo(config, parts.engine);
    const policies = new PolicyService({
      bundlePath: joinPath(config.stateDirectory, 'bundle.gz'),
      enforcement: parts.enforcement,
      trust: () => identity && trustOf(identity),
      log,
    });
    // First of all, and whether or not anybody answers: what was in force is in force again.
    const former = parts.enforcement.restore();
    await policies.restore();
    const watch = new ContainerWatch({
      runtime: runtimeOf(config, closing),
      cgroupRoot,
      sink: parts.enforcement,
      log,
      former,
      onListed() {
        parts.enforcement.containersListed();
        // Not before the containers are told: until then only the former programs know them.
        if (parts.engine.supersedes) parts.engine.removeSuperseded();
      },
    });
    await watchParents(config, cgroupRoot, parts.engine, log);
    startReading(parts.engine, parts.spool, watch, log);
    log.info({ nodeId: identity?.nodeId, hooks: parts.engine.hooks }, 'watching');
    const { joinToken, serviceAccount, caPin } = config;
    const joining = { controlPlane, joinToken, serviceAccount, caPin, node, store, log };
    const uplink = (known: Identity) =>
      runUplink(
        {
          controlPlane,
          store,
          identity: known,
          onIdentity: (next) => {
            identity = next;
          },
          node,
          policies,
          spool: parts.spool,
          hooks: () => hooksToWire(parts.engine.hooks),
          losses: () => parts.losses(),
          log,
        },
        running,
      );
    const connect = async (): Promise<void> => {
      for (;;) {
        const known = await identify(joining, running);
        if (!known) return;
        identity = known;
        try {
          await uplink(known);
          return;
        } catch (error) {
          // Nobody answered for so long that it could not be renewed.
          if (!hasRunOut(error)) throw error;
        }
      }
    };
    await Promise.all([
      watch.run(running),
      repeat(TIDY_MS, running, log, () => parts.tidy()),
      repeat(WATCH_PARENTS_MS, running, log, () =>
        watchParents(config, cgroupRoot, parts.engine, log),
      ),
      connect().catch((error: unknown) => {
        if (!hasRunOut(error) || identity === undefined) throw error;
        // It protects the node all the same; only a start with a token ends that it is alone.
        log.error({ err: error }, 'the policies stay in force, without a control plane');
      }),
    ]);
  } catch (error) {
    // The control plane itself said so: the next start joins anew, with a new token.
    if (error instanceof BulkheadError && error.code === 'NODE_REVOKED') await store.forget();
    throw error;
  } finally {
    failed.abort();
    for (const close of closing.reverse()) await close();
  }
  log.info('stopped');
}

function hasRunOut(error: unknown): boolean {
  return error instanceof BulkheadError && error.code === 'CERTIFICATE_REQUIRED';
}

interface Parts {
  readonly engine: Engine;
  readonly spool: Spool;
  readonly enforcement: Enforcement;
  readonly losses: () => ReturnType<LossCounter['report']>;
  readonly tidy: () => Promise<void>;
}

async function assemble(
  config: Config,
  cgroupRoot: string,
  log: Logger,
  closing: (() => Promise<void> | void)[],
  neverJoined: () => boolean,
): Promise<Parts> {
  const losses = new LossCounter();
  const spool = await Spool.open({
    directory: joinPath(config.stateDirectory, 'spool'),
    maxBytes: config.spoolBytes,
    bootId: randomUUID(),
    losses,
    log,
  });
  closing.push(() => spool.close());
  const { ringPositions } = spool;
  const pinDirectory = await ensureBpffs(config.bpffsDirectory);
  // Programs of a node that was refused protect nothing.
  const detaches = () => config.detachOnExit || neverJoined();
  closing.push(() => (detaches() ? removeBpffs(config.bpffsDirectory) : undefined));
  const engine = openEngine({
    pinDirectory,
    ...(config.backends && { backends: config.backends }),
    startPositions: {
      instance: ringPositions.instance,
      alerts: ringPositions.of('alerts'),
      telemetry: ringPositions.of('telemetry'),
    },
  });
  closing.push(() => {
    engine.stop();
    if (detaches()) engine.detach();
    engine.close();
  });
  await spool.useRings(engine.ringInstance);
  const kernelLosses = await KernelLosses.load(
    joinPath(config.stateDirectory, 'kernel-losses.json'),
    engine.ringInstance,
  );
  const enforcement = new Enforcement({
    kernel: engine,
    state: new KernelStateFile(joinPath(config.stateDirectory, 'kernel-state.json')),
    nestedCgroups: (path) => nestedCgroupIds(joinPath(cgroupRoot, path)),
    log,
  });
  return {
    engine,
    spool,
    enforcement,
    losses() {
      for (const [reason, total] of kernelLosses.totals(engine.counters())) {
        losses.setKernelDropped(reason, total, kernelLosses.start.get(reason) ?? 0n);
      }
      return losses.report();
    },
    async tidy() {
      await spool.tidy();
      await kernelLosses.save(kernelLosses.totals(engine.counters()));
    },
  };
}

/** A batch is durable before the kernel may use its place again. */
function startReading(engine: Engine, spool: Spool, watch: ContainerWatch, log: Logger): void {
  engine.start({
    onBatch({ kind, eventCount, payload, ring }) {
      spool
        .append({ kind, eventCount, createdUnixMs: Date.now(), ring, payload })
        .then(() => engine.commit(ring.name, ring.position))
        // After the end of the engine it comes again at the next start.
        .catch((error: unknown) => log.warn({ err: error }, 'a batch was not committed'));
    },
    onCgroup: (event) => watch.onCgroup(event),
  });
}

function nodeInfo(config: Config, engine: Engine) {
  return {
    name: config.nodeName,
    kernelRelease: release(),
    architecture: arch(),
    agentVersion: AGENT_VERSION,
    kubernetesVersion: config.kubernetesVersion ?? '',
    hooks: hooksToWire(engine.hooks),
  };
}

function hooksToWire(hooks: readonly HookStatus[]): WireHook[] {
  const backends = {
    none: 'BACKEND_NONE',
    lsm: 'BACKEND_LSM',
    fmod_ret: 'BACKEND_FMOD_RET',
    signal: 'BACKEND_SIGNAL',
    fexit: 'BACKEND_FEXIT',
    tracepoint: 'BACKEND_TRACEPOINT',
  } as const;
  return hooks.map(({ hook, backend, reason }) => ({ hook, backend: backends[backend], reason }));
}

function trustOf({ tenantId, clusterId, signingKeys }: Identity) {
  const keys = new Map(
    signingKeys.map(({ keyId, publicKeyDer }) => [keyId, publicKeyFromDer(publicKeyDer)]),
  );
  return { tenantId, clusterId, keys };
}

/** The runtime's socket may come and go; its client is made when there first is one. */
function runtimeOf(config: Config, closing: (() => void)[]): () => CriClient | undefined {
  let client: CriClient | undefined;
  closing.push(() => client?.close());
  return () => {
    if (!existsSync(config.criSocket)) return undefined;
    client ??= new CriClient(config.criSocket);
    return client;
  };
}

/** Folders that a runtime makes later are found by the next round. */
async function watchParents(
  config: Config,
  cgroupRoot: string,
  engine: Engine,
  log: Logger,
): Promise<void> {
  for (const path of config.containerCgroups) {
    const id = await cgroupId(joinPath(cgroupRoot, path)).catch(() => undefined);
    if (id === undefined) continue;
    try {
      engine.watchCgroup(id);
    } catch (error) {
      log.error({ err: error, path }, 'cannot watch for containers');
    }
  }
}

/** A full disk, say, is no reason to stop watching. */
async function repeat(
  everyMs: number,
  signal: AbortSignal,
  log: Logger,
  act: () => Promise<void>,
): Promise<void> {
  for (;;) {
    await sleep(everyMs, signal);
    if (signal.aborted) return;
    await act().catch((error: unknown) => log.error({ err: error }, 'will be tried again'));
  }
}
