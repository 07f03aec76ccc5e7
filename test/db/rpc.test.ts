import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Keyring } from '../../control-plane/domain/keyring.js';
import { compilePolicy } from '../../control-plane/domain/policies.js';
import { RPC_ACCESS } from '../../control-plane/rpc/access.js';
import type { RpcServer } from '../../control-plane/rpc/server.js';
import { loadAgentService } from '../../control-plane/rpc/service.js';
import { createAssignment } from '../../control-plane/store/assignments.js';
import { createCluster } from '../../control-plane/store/clusters.js';
import { createJoinToken, revokeJoinToken } from '../../control-plane/store/join-tokens.js';
import { getNode, revokeNode } from '../../control-plane/store/nodes.js';
import { createPolicy } from '../../control-plane/store/policies.js';
import { updateTenant } from '../../control-plane/store/tenants.js';
import { errorFromGrpc } from '../../node-agent/uplink/errors.js';
import { type Identity, IdentityStore } from '../../node-agent/uplink/identity.js';
import { join, renew } from '../../node-agent/uplink/join.js';
import { openClient } from '../../node-agent/uplink/service.js';
import type { PoliciesResponse__Output } from '../../proto/ts/gen/bulkhead/v1/PoliciesResponse.js';
import { createToken, hashSecret, TOKEN_KINDS } from '../../proto/ts/wire/tokens.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { NODE, startTestEdge } from '../support/edge.js';
import { assignmentOf } from '../support/store-world.js';

const POLICY =
  'process: {selectors: [{name: a, operation: [exec]}], responses: [{match: [a], actions: [log]}]}';

let database: TestDatabase;
let keyring: Keyring;
let server: RpcServer;
let port = 0;
let tenantId = '';
let clusterId = '';
let directory = '';

beforeAll(async () => {
  database = await createTestDatabase();
  ({ server, keyring, port } = await startTestEdge(database));
  tenantId = (await database.newTenant()).id;
  const cluster = await database.app.withTenant({ tenantId }, (tx) =>
    createCluster(tx, { name: 'production' }),
  );
  clusterId = cluster.id;
});

afterAll(async () => {
  await server?.stop(AbortSignal.timeout(10_000));
  await database?.close();
});

beforeEach(() => {
  directory = mkdtempSync(joinPath(tmpdir(), 'bulkhead-join-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

async function newToken(more: { expiresAt?: Date; maxUses?: number } = {}) {
  const token = createToken(TOKEN_KINDS.join);
  await database.app.withTenant({ tenantId }, (tx) =>
    createJoinToken(tx, {
      id: token.id,
      clusterId,
      secretSha256: hashSecret(token.secret),
      createdBy: 'test',
      ...more,
    }),
  );
  return token;
}

function joinWith(joinToken: string, more: { caPin?: string; store?: string; name?: string } = {}) {
  return join({
    controlPlane: { host: '127.0.0.1', port },
    joinToken,
    caPin: more.caPin ?? keyring.caPin,
    node: { ...NODE, name: more.name ?? NODE.name },
    store: new IdentityStore(more.store ?? directory),
  });
}

/** Rows that a refused join must not leave. */
async function countRows(): Promise<unknown> {
  const [counts] = await database.admin`
    select (select count(*) from nodes) as nodes,
      (select coalesce(sum(uses), 0) from join_tokens) as uses,
      (select count(*) from join_redemptions) as redemptions`;
  return counts;
}

describe('the access table', () => {
  it('has every method of the service and no other', () => {
    const paths = Object.values(loadAgentService()).map(({ path }) => path);
    expect(Object.keys(RPC_ACCESS).sort()).toEqual(paths.sort());
  });

  it.each(Object.entries(RPC_ACCESS))('%s: %s', async (path, access) => {
    const caCertificatesDer = [Buffer.from(keyring.authority.certificate.rawData)];
    // Whoever has no certificate, with keys that are good elsewhere.
    const client = openClient(`127.0.0.1:${port}`, { caCertificatesDer });
    const metadata = new grpc.Metadata();
    const { text } = createToken(TOKEN_KINDS.platform);
    metadata.set('authorization', `Bearer ${text}`);
    try {
      const method = Object.values(loadAgentService()).find((known) => known.path === path);
      if (!method) throw new Error(`no such method: ${path}`);
      const error = await new Promise((resolve) => {
        const { requestSerialize: write, responseDeserialize: read } = method;
        if (method.requestStream) {
          client
            .makeBidiStreamRequest(path, write, read, metadata)
            .on('error', resolve)
            .on('data', () => {});
        } else client.makeUnaryRequest(path, write, read, {}, metadata, resolve);
      });
      // Who carries a proof of its own is asked for that.
      const code = access === 'node' ? 'CERTIFICATE_REQUIRED' : 'JOIN_TOKEN_MALFORMED';
      expect(errorFromGrpc(error)).toMatchObject({ code });
    } finally {
      client.close();
    }
  });
});

describe('join', () => {
  it('gives a node its identity, for one use of the token', async () => {
    const token = await newToken();
    const identity = await joinWith(token.text, { name: 'first' });
    expect(identity).toMatchObject({ tenantId, clusterId });
    expect(identity.signingKeys.map(({ keyId }) => keyId)).toEqual([keyring.signingKeys[0].keyId]);
    const node = await database.app.withTenant({ tenantId }, (tx) => getNode(tx, identity.nodeId));
    expect(node).toMatchObject({ name: 'first', state: 'joined' });
    expect(await new IdentityStore(directory).load()).toEqual(identity);

    const other = mkdtempSync(joinPath(tmpdir(), 'bulkhead-join-'));
    try {
      await expect(joinWith(token.text, { store: other })).rejects.toMatchObject({
        code: 'JOIN_TOKEN_USED',
      });
    } finally {
      rmSync(other, { recursive: true });
    }
  });

  it('refuses each wrong token with its own code, and leaves nothing behind', async () => {
    const used = await newToken();
    await joinWith(used.text, { name: 'second' });
    rmSync(directory, { recursive: true });
    directory = mkdtempSync(joinPath(tmpdir(), 'bulkhead-join-'));
    const expired = await newToken({ expiresAt: new Date(Date.now() - 1000) });
    const revoked = await newToken();
    await database.app.withTenant({ tenantId }, (tx) => revokeJoinToken(tx, revoked.id));
    const real = await newToken();
    const stranger = createToken(TOKEN_KINDS.join);
    const forged = createToken(TOKEN_KINDS.join);
    await database.app.withTenant({ tenantId }, (tx) =>
      // Its id is known, its secret is another.
      createJoinToken(tx, {
        id: forged.id,
        clusterId,
        secretSha256: hashSecret(real.secret),
        createdBy: 'test',
      }),
    );
    const before = await countRows();
    const wrong: [string, string][] = [
      [used.text, 'JOIN_TOKEN_USED'],
      [expired.text, 'JOIN_TOKEN_EXPIRED'],
      [revoked.text, 'JOIN_TOKEN_REVOKED'],
      [stranger.text, 'JOIN_TOKEN_UNKNOWN'],
      [forged.text, 'JOIN_TOKEN_UNKNOWN'],
      [real.text.slice(0, -1), 'JOIN_TOKEN_MALFORMED'],
      ['', 'JOIN_TOKEN_MALFORMED'],
    ];
    const messages = new Set<string>();
    for (const [text, code] of wrong) {
      const error = await joinWith(text).catch((refusal: unknown) => errorFromGrpc(refusal));
      expect(error).toMatchObject({ code });
      if (error instanceof Error) messages.add(error.message);
    }
    expect(messages.size).toBe(5);
    expect(await countRows()).toEqual(before);
    expect(await new IdentityStore(directory).load()).toBeUndefined();
  });

  it('sends nothing to a server whose authority is not the pinned one', async () => {
    const token = await newToken();
    const before = await countRows();
    const caPin = `sha256:${'A'.repeat(43)}`;
    await expect(joinWith(token.text, { caPin })).rejects.toMatchObject({
      code: 'CA_PIN_MISMATCH',
    });
    expect(await countRows()).toEqual(before);
  });

  it('costs no second use when the answer was lost', async () => {
    const token = await newToken();
    const store = new IdentityStore(directory);
    const enrollmentId = await store.ensureEnrollmentId();
    const first = await joinWith(token.text, { name: 'third' });
    // As if the answer had never come: the same try again.
    const again = new IdentityStore(directory);
    rmSync(joinPath(directory, 'identity.json'));
    Object.assign(again, { ensureEnrollmentId: async () => enrollmentId });
    const second = await join({
      controlPlane: { host: '127.0.0.1', port },
      joinToken: token.text,
      caPin: keyring.caPin,
      node: { ...NODE, name: 'third' },
      store: again,
    });
    expect(second.nodeId).toBe(first.nodeId);
  });
});

describe('calls with a certificate', () => {
  const clientOf = async (identity: Identity) =>
    openClient(`127.0.0.1:${port}`, {
      caCertificatesDer: identity.caCertificatesDer,
      client: {
        certificateDer: identity.certificateDer,
        privateKeyPem: await new IdentityStore(directory).ensureKey(),
      },
    });

  it('renew it, until the node is revoked', async () => {
    const identity = await joinWith((await newToken()).text, { name: 'fourth' });
    const client = await clientOf(identity);
    try {
      const key = await new IdentityStore(directory).ensureKey();
      const renewed = await renew(client, identity, key);
      expect(renewed.certificateDer).not.toEqual(identity.certificateDer);
      await database.app.withTenant({ tenantId }, (tx) => revokeNode(tx, identity.nodeId));
      await expect(renew(client, identity, key)).rejects.toMatchObject({ code: 'NODE_REVOKED' });
    } finally {
      client.close();
    }
  });

  it('of a suspended tenant: nobody joins, and its nodes get their policies', async () => {
    const identity = await joinWith((await newToken()).text, { name: 'fifth' });
    const client = await clientOf(identity);
    const { app } = database;
    try {
      await app.withPlatform((tx) => updateTenant(tx, tenantId, { suspended: true }));
      const store = mkdtempSync(joinPath(directory, 'another-'));
      await expect(joinWith((await newToken()).text, { store })).rejects.toMatchObject({
        code: 'TENANT_SUSPENDED',
      });
      const key = await new IdentityStore(directory).ensureKey();
      expect((await renew(client, identity, key)).nodeId).toBe(identity.nodeId);
      const policies = client.Policies();
      const update = new Promise<PoliciesResponse__Output>((resolve, reject) => {
        policies.on('data', resolve).on('error', reject);
      });
      policies.write({ hello: { node: { ...NODE, name: 'fifth' }, appliedRevision: '0' } });
      await app.withTenant({ tenantId }, async (tx) => {
        const version = { source: POLICY, createdBy: 'test', ...compilePolicy(POLICY) };
        const { policy } = await createPolicy(tx, { name: 'policy', ...version });
        await createAssignment(tx, assignmentOf(policy.id));
      });
      expect((await update).update).toMatchObject({ revision: '1' });
      policies.on('error', () => {});
      policies.cancel();
    } finally {
      await app.withPlatform((tx) => updateTenant(tx, tenantId, { suspended: false }));
      client.close();
    }
  });
});
