import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import postgres from 'postgres';
import {
  createCertificateAuthority,
  issueNodeCertificate,
  loadCertificateAuthority,
} from '../../control-plane/domain/certificates.js';
import { newNodeSerial } from '../../control-plane/domain/node-certificates.js';
import { createNodeKey, createRequest } from '../../node-agent/uplink/certificates.js';
import { eventually } from '../support/eventually.js';
import { describeOnKernel } from '../support/needs.js';
import { startTestSystem, type TestSystem } from '../support/system.js';

const DRIFT = `
process:
  selectors:
    - { name: drifted, operation: [exec], executableOrigin: [writable, memory] }
  responses:
    - { match: [drifted], actions: [alert, block] }
`;
const DAY_MS = 24 * 60 * 60_000;
/** 128 and SIGKILL, or what a shell says where an exec was denied. */
const STOPPED = /ended with (137|126)/;

describeOnKernel('the policies that were in force', () => {
  let test: TestSystem;
  let container: string;

  beforeAll(async () => {
    test = await startTestSystem();
    await test.startAgent();
    const pod = await test.runtime.pods.runPod({ name: 'last-good' });
    container = await test.runtime.pods.runContainer(pod, { name: 'main' });
    await test.enforce('drift', DRIFT);
  });

  afterAll(async () => {
    await test?.stop();
  });

  async function runDrifted(): Promise<string> {
    const copy = 'cp /bin/busybox /tmp/true 2>/dev/null; /tmp/true; echo "ended with $?"';
    return (await test.runtime.pods.exec(container, ['sh', '-c', copy])).stdout;
  }

  /** As after a long absence: a certificate that ran out days ago, of a node not heard of since. */
  async function ageCertificate(): Promise<void> {
    const path = join(test.directory, 'system/agent/identity.json');
    const identity = JSON.parse(readFileSync(path, 'utf8'));
    const made = await createCertificateAuthority('bulkhead', new Date());
    const authority = await loadCertificateAuthority(made.certificateDer, made.privateKeyDer);
    const csr = await createRequest(createNodeKey());
    const ids = { tenantId: randomUUID(), clusterId: randomUUID(), nodeId: randomUUID() };
    const then = new Date(Date.now() - 3 * DAY_MS);
    const serial = newNodeSerial({ join: 1, generation: 1 });
    const { der } = await issueNodeCertificate(authority, csr, 'bulkhead', ids, serial, then);
    writeFileSync(path, JSON.stringify({ ...identity, certificate: der.toString('base64') }));
    const sql = postgres(test.system.databaseUrl, { max: 1 });
    await sql`update nodes set last_seen_at = ${then} where id = ${identity.nodeId}`;
    await sql.end();
  }

  it('are in force again before anybody answers, also when the certificate has run out', async () => {
    expect(await runDrifted()).toMatch(STOPPED);
    // The programs go with the agent here, so what is stopped afterwards is the next agent's doing.
    await test.system.agent?.stop();
    expect(await runDrifted()).toContain('ended with 0');
    await ageCertificate();
    test.wire.withholdAnswers();
    const joining = test.startAgent();
    await eventually(async () => expect(await runDrifted()).toMatch(STOPPED));
    test.wire.restore();
    await joining;
    expect(await runDrifted()).toMatch(STOPPED);
  });
});
