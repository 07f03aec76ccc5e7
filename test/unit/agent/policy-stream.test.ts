import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import {
  createCertificateAuthority,
  issueServerCertificate,
  loadCertificateAuthority,
} from '../../../control-plane/domain/certificates.js';
import { loadAgentService } from '../../../control-plane/rpc/service.js';
import { PolicyService } from '../../../node-agent/policy/policy-service.js';
import { policySession } from '../../../node-agent/uplink/policy-stream.js';
import type { AgentServiceClient } from '../../../node-agent/uplink/service.js';
import { trustFromWire } from '../../../node-agent/uplink/trust.js';
import { encodeBundle } from '../../../proto/ts/policy/canonical.js';
import type { BundledPolicy } from '../../../proto/ts/policy/model.js';
import { keyIdOf, signEnvelope } from '../../../proto/ts/wire/dsse.js';
import { type Trust, trustSha256 } from '../../../proto/ts/wire/trust.js';
import { type FakeControlPlane, startFakeControlPlane } from '../../fakes/control-plane.js';
import { eventually } from '../../support/eventually.js';

const tenantId = randomUUID();
const clusterId = randomUUID();
const log = pino({ level: 'silent' });

function newKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { keyId: keyIdOf(publicKey), publicKey, privateKey };
}

const key = newKey();

function bundle(revision: number, more: { cluster?: string; key?: typeof key } = {}): Buffer {
  const payload = encodeBundle({
    tenantId,
    clusterId: more.cluster ?? clusterId,
    revision: BigInt(revision),
    createdUnixMs: 0,
    policies: [],
  });
  return gzipSync(signEnvelope(payload, [more.key ?? key]));
}

/** With another payload under the old signature. */
function tampered(revision: number): Buffer {
  const good = JSON.parse(gunzipSync(bundle(revision)).toString());
  const other = JSON.parse(gunzipSync(bundle(revision + 1)).toString());
  return gzipSync(JSON.stringify({ ...good, payload: other.payload }));
}

async function newAuthority(): Promise<[Buffer, Buffer]> {
  const made = await createCertificateAuthority('bulkhead', new Date());
  return [made.certificateDer, made.privateKeyDer];
}

describe('the policy stream', () => {
  let fake: FakeControlPlane;
  let directory: string;
  let policies: PolicyService;
  let applied: (readonly BundledPolicy[])[];
  let loadFails: boolean;
  /** The cluster that the node is in; undefined: none. */
  let joined: string | undefined;
  let client: AgentServiceClient;
  let trust: Trust;
  let trustFails: boolean;
  let stopped: AbortController;
  let session: Promise<number>;

  beforeEach(async () => {
    fake = await startFakeControlPlane();
    directory = mkdtempSync(join(tmpdir(), 'bulkhead-policies-'));
    applied = [];
    loadFails = false;
    trustFails = false;
    trust = { caCertificatesDer: [], signingKeys: [] };
    joined = clusterId;
    policies = new PolicyService({
      bundlePath: join(directory, 'bundle.gz'),
      enforcement: {
        applyPolicies(next) {
          if (loadFails) throw new Error('no room in the table');
          applied.push(next);
        },
      },
      trust: () =>
        joined === undefined
          ? undefined
          : { tenantId, clusterId: joined, keys: new Map([[key.keyId, key.publicKey]]) },
      log,
    });
    const Client = grpc.makeGenericClientConstructor(loadAgentService(), 'AgentService');
    // The generic constructor's methods are those of the generated type.
    client = new Client(
      `127.0.0.1:${fake.port}`,
      grpc.credentials.createInsecure(),
    ) as grpc.Client as AgentServiceClient;
    stopped = new AbortController();
    const node = { name: 'n', kernelRelease: '', architecture: '', agentVersion: '', hooks: [] };
    session = policySession(
      {
        client,
        node,
        policies,
        trust: {
          current: () => trust,
          async change(next) {
            if (trustFails) throw new Error('no room on the disk');
            trust = next;
          },
        },
        hooks: () => [{ hook: 'exec', backend: 'BACKEND_SIGNAL', reason: '' }],
        losses: () => ({ emitted: 3n, acknowledged: 2n, dropped: new Map([['spool_full', 1n]]) }),
        log,
        heartbeatMs: 50,
      },
      stopped.signal,
    );
    session.catch(() => {});
    await eventually(() => expect(fake.received[0]?.hello?.node?.name).toBe('n'));
  });

  afterEach(async () => {
    stopped.abort();
    await session.catch(() => {});
    client.close();
    fake.stop();
    rmSync(directory, { recursive: true });
  });

  async function answerTo(revision: number, envelopeGzip: Buffer) {
    const answers = () => fake.received.filter(({ ack, nack }) => ack ?? nack);
    const before = answers().length;
    fake.offer({ revision, envelopeGzip });
    return eventually(() => {
      const answer = answers()[before];
      expect(answer).toBeDefined();
      return answer;
    });
  }

  it('acknowledges a good bundle once it is in force, keeps it, and bears a repeat', async () => {
    const good = bundle(5);
    const answer = await answerTo(5, good);
    expect(answer?.ack).toMatchObject({ revision: '5', hooks: [{ backend: 'BACKEND_SIGNAL' }] });
    expect(applied).toHaveLength(1);
    expect(readFileSync(join(directory, 'bundle.gz'))).toEqual(good);
    expect((await answerTo(5, good))?.ack).toMatchObject({ revision: '5' });
    expect(applied).toHaveLength(1);
  });

  it('begins anew with the revisions of another cluster, and of none', async () => {
    const other = randomUUID();
    await answerTo(5, bundle(5));
    expect(policies.appliedRevision).toBe(5n);
    joined = other;
    expect(policies.appliedRevision).toBe(0n);
    expect((await answerTo(1, bundle(1, { cluster: other })))?.ack).toMatchObject({
      revision: '1',
    });
    expect(policies.appliedRevision).toBe(1n);
    joined = undefined;
    expect((await answerTo(2, bundle(2)))?.nack).toMatchObject({ code: 'BUNDLE_OTHER_CLUSTER' });
    expect(applied).toHaveLength(2);
  });

  it('refuses each wrong bundle with the reason, and what was in force stays', async () => {
    await answerTo(5, bundle(5));
    const wrong: [string, number, Buffer][] = [
      ['BUNDLE_UNSIGNED', 6, bundle(6, { key: newKey() })],
      ['BUNDLE_SIGNATURE_INVALID', 6, tampered(6)],
      ['BUNDLE_OLDER', 4, bundle(4)],
      ['BUNDLE_OTHER_CLUSTER', 6, bundle(6, { cluster: randomUUID() })],
      ['BUNDLE_MALFORMED', 6, Buffer.from('no gzip')],
      ['BUNDLE_MALFORMED', 7, bundle(6)],
    ];
    for (const [code, revision, envelope] of wrong) {
      const answer = await answerTo(revision, envelope);
      expect(answer?.nack).toMatchObject({ code, revision: String(revision) });
      expect(answer?.nack?.message).not.toBe('');
    }
    loadFails = true;
    expect((await answerTo(6, bundle(6)))?.nack).toMatchObject({
      code: 'BUNDLE_NOT_LOADED',
      message: expect.any(String),
    });
    expect(applied).toHaveLength(1);
    expect(policies.appliedRevision).toBe(5n);
    loadFails = false;
    expect((await answerTo(6, bundle(6)))?.ack).toMatchObject({ revision: '6' });
  });

  describe('a new trust', () => {
    const wireKey = (signer: typeof key) => ({
      keyId: signer.keyId,
      publicKeyDer: signer.publicKey.export({ type: 'spki', format: 'der' }),
    });
    let authority: Buffer;

    beforeAll(async () => {
      [authority] = await newAuthority();
    });

    /** Of the newest message that says it. */
    const toldTrust = () =>
      fake.received
        .flatMap(({ hello, heartbeat }) => hello?.trustSha256 ?? heartbeat?.trustSha256 ?? [])
        .at(-1);

    it('is kept, and then told', async () => {
      expect(toldTrust()).toEqual(trustSha256({ caCertificatesDer: [], signingKeys: [] }));
      const next = {
        caCertificatesDer: [authority],
        signingKeys: [wireKey(key), wireKey(newKey())],
      };
      fake.offerTrust(next);
      await eventually(() => expect(toldTrust()).toEqual(trustSha256(next)));
      expect(trust).toEqual(next);
    });

    it('is refused where one could not live with it, or cannot keep it', async () => {
      const good = { caCertificatesDer: [authority], signingKeys: [wireKey(key)] };
      const former = trust;
      const leaf = await issueServerCertificate(
        await loadCertificateAuthority(...(await newAuthority())),
        [],
        new Date(),
      );
      for (const wrong of [
        { ...good, caCertificatesDer: [] },
        { ...good, signingKeys: [] },
        { ...good, caCertificatesDer: [Buffer.from('no certificate')] },
        { ...good, caCertificatesDer: [leaf.der] },
        { ...good, signingKeys: [{ ...wireKey(key), keyId: 'another' }] },
        { ...good, caCertificatesDer: Array.from({ length: 9 }, () => authority) },
      ]) {
        expect(() => trustFromWire(wrong)).toThrow(
          expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
        );
        fake.offerTrust(wrong);
      }
      trustFails = true;
      fake.offerTrust(good);
      // The stream goes on, and what comes after it is heard.
      expect((await answerTo(5, bundle(5)))?.ack).toMatchObject({ revision: '5' });
      expect(trust).toBe(former);
    });
  });

  it('tells of its losses now and then', async () => {
    await eventually(() => {
      const beat = fake.received.find(({ heartbeat }) => heartbeat)?.heartbeat;
      expect(beat?.losses).toMatchObject({
        emitted: '3',
        acknowledged: '2',
        dropped: [{ reason: 'spool_full', count: '1' }],
      });
    });
  });
});
