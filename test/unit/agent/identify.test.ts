import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import {
  createCertificateAuthority,
  issueNodeCertificate,
  loadCertificateAuthority,
} from '../../../control-plane/domain/certificates.js';
import { newNodeSerial } from '../../../control-plane/domain/node-certificates.js';
import { createNodeKey, createRequest } from '../../../node-agent/uplink/certificates.js';
import { identify } from '../../../node-agent/uplink/identify.js';
import { type Identity, IdentityStore } from '../../../node-agent/uplink/identity.js';
import { createToken, TOKEN_KINDS } from '../../../proto/ts/wire/tokens.js';
import { eventually } from '../../support/eventually.js';

const DAY_MS = 24 * 60 * 60_000;
const JOINING = {
  joinToken: createToken(TOKEN_KINDS.join).text,
  caPin: `sha256:${'A'.repeat(43)}`,
};

describe('the identity at start', () => {
  let directory: string;
  let store: IdentityStore;
  let warnings: number;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bulkhead-identity-'));
    store = new IdentityStore(directory);
    warnings = 0;
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  /** Saved as if it had been issued then. */
  async function saveIdentity(issuedAt: Date): Promise<Identity> {
    const made = await createCertificateAuthority('bulkhead', issuedAt);
    const authority = await loadCertificateAuthority(made.certificateDer, made.privateKeyDer);
    const ids = { tenantId: randomUUID(), clusterId: randomUUID(), nodeId: randomUUID() };
    const csr = await createRequest(createNodeKey());
    const serial = newNodeSerial({ join: 1, generation: 1 });
    const issued = await issueNodeCertificate(authority, csr, 'bulkhead', ids, serial, issuedAt);
    const identity = {
      ...ids,
      certificateDer: issued.der,
      caCertificatesDer: [made.certificateDer],
      signingKeys: [],
    };
    await store.save(identity);
    return identity;
  }

  function start(
    joining: { joinToken: string | undefined; caPin: string | undefined },
    signal = new AbortController().signal,
  ) {
    // Nothing listens on port 1.
    const controlPlane = { host: '127.0.0.1', port: 1 };
    const log = pino(
      { level: 'warn' },
      {
        write: () => {
          warnings += 1;
        },
      },
    );
    return identify({ controlPlane, ...joining, node: { name: 'n' }, store, log }, signal);
  }

  it('is that on disk, in files that nobody else may read', async () => {
    const identity = await saveIdentity(new Date());
    expect(await start({ joinToken: undefined, caPin: undefined })).toEqual(identity);
    await store.ensureKey();
    for (const name of readdirSync(directory)) {
      expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    }
  });

  it('is joined with once: the next join has another name', async () => {
    await saveIdentity(new Date());
    // As a crash leaves it between the two files.
    const enrollmentId = await store.ensureEnrollmentId();
    await start({ joinToken: undefined, caPin: undefined });
    expect(await store.ensureEnrollmentId()).not.toBe(enrollmentId);
  });

  it('has another key after the control plane refused it', async () => {
    const key = await store.ensureKey();
    expect(await store.ensureKey()).toBe(key);
    await store.forget();
    expect(await store.ensureKey()).not.toBe(key);
  });

  it('wants a token where there is none', async () => {
    const withoutToken = { joinToken: undefined, caPin: JOINING.caPin };
    await expect(start(withoutToken)).rejects.toThrow(/^this node has not joined: set /);
    await saveIdentity(new Date(Date.now() - 2 * DAY_MS));
    await store.forget();
    await expect(start(withoutToken)).rejects.toThrow(/^this node has not joined: set /);
  });

  it('is asked for anew where its certificate has run out, also without a token', async () => {
    await saveIdentity(new Date(Date.now() - 2 * DAY_MS));
    const stopped = new AbortController();
    const starting = start({ joinToken: undefined, caPin: undefined }, stopped.signal);
    await eventually(() => expect(warnings).toBeGreaterThan(1));
    stopped.abort();
    expect(await starting).toBeUndefined();
  });

  it('is asked for anew with a token, until the control plane answers or the agent is stopped', async () => {
    await saveIdentity(new Date(Date.now() - 2 * DAY_MS));
    const stopped = new AbortController();
    const starting = start(JOINING, stopped.signal);
    await eventually(() => expect(warnings).toBeGreaterThan(1));
    stopped.abort();
    expect(await starting).toBeUndefined();
  });
});
