import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { pino } from 'pino';
import type { Keyring } from '../../control-plane/domain/keyring.js';
import { createVault } from '../../control-plane/domain/vault.js';
import { loadKeyring } from '../../control-plane/keys/keyring.js';
import { createMetrics } from '../../control-plane/metrics/metrics.js';
import { RpcServer, type RpcServerOptions } from '../../control-plane/rpc/server.js';
import { createCluster } from '../../control-plane/store/clusters.js';
import { createJoinToken } from '../../control-plane/store/join-tokens.js';
import { type Identity, IdentityStore } from '../../node-agent/uplink/identity.js';
import { join } from '../../node-agent/uplink/join.js';
import { type AgentServiceClient, openClient } from '../../node-agent/uplink/service.js';
import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import type { TestDatabase } from './database.js';
import { UNLIMITED } from './rates.js';

export const NODE = {
  name: 'node-1',
  kernelRelease: '6.1',
  architecture: 'x64',
  agentVersion: '0.1.0',
  hooks: [],
};

/** A node that has joined: what it needs to connect. */
export interface JoinedNode {
  readonly identity: Identity;
  /** At the port where it joined, where no other is given. */
  connect(port?: number): AgentServiceClient;
}

/** Joins at the port, with a state directory that is gone when this resolves. */
export async function joinNode(
  port: number,
  caPin: string,
  joinToken: string,
  name = NODE.name,
): Promise<JoinedNode> {
  const directory = mkdtempSync(joinPath(tmpdir(), 'bulkhead-join-'));
  try {
    const store = new IdentityStore(directory);
    const controlPlane = { host: '127.0.0.1', port };
    const identity = await join({ controlPlane, joinToken, caPin, node: { ...NODE, name }, store });
    const { caCertificatesDer, certificateDer } = identity;
    const client = { certificateDer, privateKeyPem: await store.ensureKey() };
    return {
      identity,
      connect: (to = port) => openClient(`127.0.0.1:${to}`, { caCertificatesDer, client }),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A cluster of a new tenant, and a token with which so many nodes join it. */
export async function newJoinToken(database: TestDatabase, maxUses = 1) {
  const { id: tenantId } = await database.newTenant();
  const token = createToken(TOKEN_KINDS.join);
  const clusterId = await database.app.withTenant({ tenantId }, async (tx) => {
    const cluster = await createCluster(tx, { name: 'production' });
    const secretSha256 = hashSecret(token.secret);
    const row = { id: token.id, clusterId: cluster.id, secretSha256, createdBy: 'test', maxUses };
    await createJoinToken(tx, row);
    return cluster.id;
  });
  return { tenantId, clusterId, text: token.text };
}

export const EDGE_VAULT = createVault(Buffer.alloc(32, 1));

/** An edge on a free port, with keys that stay as they are; its log lines as objects. */
export interface TestEdge {
  readonly server: RpcServer;
  readonly keyring: Keyring;
  readonly port: number;
  readonly log: readonly Record<string, unknown>[];
}

export async function startTestEdge(
  database: TestDatabase,
  more: Partial<RpcServerOptions> = {},
): Promise<TestEdge> {
  const log: Record<string, unknown>[] = [];
  const metrics = createMetrics();
  const store = { database: database.app, vault: EDGE_VAULT, trustDomain: 'bulkhead' };
  const keyring = await loadKeyring(store);
  const server = new RpcServer({
    database: database.app,
    log: pino({ level: 'debug' }, { write: (line) => log.push(JSON.parse(line)) }),
    keys: { current: keyring, onChange: () => () => {} },
    metrics: metrics.rpc,
    limits: metrics.limits,
    rates: UNLIMITED,
    trustDomain: 'bulkhead',
    names: ['127.0.0.1'],
    host: '127.0.0.1',
    port: 0,
    ...more,
  });
  return { server, keyring, port: await server.start(), log };
}
