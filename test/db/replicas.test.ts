import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { verifyAuditLog } from '../../control-plane/store/audit-verification.js';
import { redeemJoinToken } from '../../control-plane/store/join-redemptions.js';
import { backoffMs } from '../../proto/ts/wire/backoff.js';
import { isErrorCode } from '../../proto/ts/wire/errors.js';
import { SimulatedAgent } from '../fakes/agent.js';
import { issueCredentials } from '../fakes/agent-certificates.js';
import { startTcpProxy, type TcpProxy } from '../fakes/tcp-proxy.js';
import { Random } from '../fuzz/random.js';
import {
  type ControlPlaneProcess,
  keyringOf,
  newOwnerKey,
  startControlPlane,
} from '../support/control-plane.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { newCluster, redemptionOf } from '../support/store-world.js';

// Starts a dozen processes, on machines where each takes seconds.
jest.setTimeout(300_000);

const KILLS = 4;
const AGENTS = 6;
/** Of a run that failed: BULKHEAD_SEED repeats its kills. */
const SEED = Number(process.env.BULKHEAD_SEED ?? randomBytes(4).readUInt32BE());
/** What the API's documentation says to repeat. */
const RETRYABLE = new Set(['UNAVAILABLE', 'RESOURCE_EXHAUSTED']);

let database: TestDatabase;
let replicas: (Replica | undefined)[] = [];
let agents: readonly SimulatedAgent[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await Promise.all(living().map(end));
  await database.close();
});

/** A process, and the wires that lead to it. */
interface Replica {
  readonly process: ControlPlaneProcess;
  readonly api: TcpProxy;
  readonly edge: TcpProxy;
}

async function startReplica(): Promise<Replica> {
  const started = await startControlPlane(database.url, {}, ['--role=edge,api']);
  const { httpPort, grpcPort } = started;
  const [api, edge] = await Promise.all([startTcpProxy(httpPort), startTcpProxy(grpcPort)]);
  return { process: started, api, edge };
}

async function end({ process: started, api, edge }: Replica): Promise<void> {
  await started.destroy();
  await Promise.all([api.close(), edge.close()]);
}

/** As a balancer that has noticed who is dead. */
const living = () => replicas.flatMap((replica) => replica ?? []);

/** Kills one after another, each at a moment of its own, and starts another in its place. */
async function killAndRestart(client: Client, random: Random): Promise<void> {
  for (let kill = 0; kill < KILLS; kill += 1) {
    await delay(random.below(1_500));
    const at = random.below(replicas.length);
    const victim = replicas[at];
    if (!victim) throw new Error('no such replica');
    // Every other one while what it did is not known yet.
    if (kill % 2 === 0) await untilSomethingIsUnanswered(victim, client);
    if (random.chance(0.5)) replicas[at] = undefined;
    victim.process.kill('SIGKILL');
    await end(victim);
    replicas[at] = await startReplica();
  }
}

async function untilSomethingIsUnanswered(victim: Replica, client: Client): Promise<void> {
  victim.api.withholdAnswers();
  victim.edge.withholdAnswers();
  await eventually(async () => {
    const [row] = await database.admin`
      select count(*)::int as count from idempotency_keys where status is not null`;
    expect(row?.count).toBeGreaterThan(client.made.length);
  });
}

/** What is looked at of any answer. */
interface Answer {
  readonly id: string;
  readonly items: readonly { readonly id: string }[];
  readonly nextCursor?: string;
  readonly code?: string;
  readonly detail?: string;
}

interface Made {
  readonly path: string;
  readonly name: string;
  readonly id: string;
}

/** A client as the documentation asks it to be: a key for each request, repeated until there is an answer. */
class Client {
  readonly made: Made[] = [];
  /** Answers that somebody was given before: of these the first was lost. */
  replays = 0;

  constructor(
    private readonly key: string,
    private readonly random: Random,
  ) {}

  async make(path: string, name: string, more: object = {}): Promise<Made> {
    const idempotencyKey = randomUUID();
    const body = { name, ...more };
    const { id } = await this.#until((apiUrl) =>
      this.send(apiUrl, 'POST', path, body, idempotencyKey),
    );
    const made = { path, name, id };
    this.made.push(made);
    return made;
  }

  /** Has one outcome however often it is done. */
  async setMode(assignment: Made, mode: string): Promise<void> {
    const path = `${assignment.path}/${assignment.id}`;
    await this.#until((apiUrl) => this.send(apiUrl, 'PATCH', path, { mode }));
  }

  async list(path: string): Promise<string[]> {
    const items: { readonly id: string }[] = [];
    for (let cursor = ''; ; ) {
      const query = `${path}?limit=200${cursor && `&after=${cursor}`}`;
      const page = await this.send(this.#anyUrl(), 'GET', query);
      items.push(...page.items);
      if (!page.nextCursor) return items.map(({ id }) => id);
      cursor = page.nextCursor;
    }
  }

  async send(
    apiUrl: string,
    method: string,
    path: string,
    body?: object,
    once?: string,
  ): Promise<Answer> {
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        connection: 'close',
        ...(body && { 'content-type': 'application/json' }),
        ...(once && { 'idempotency-key': once }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (response.headers.has('idempotency-replayed')) this.replays += 1;
    const answer: Answer = JSON.parse(await response.text());
    if (!response.ok) throw new Refused(answer.code ?? '', `${method} ${path}: ${answer.detail}`);
    return answer;
  }

  #anyUrl(): string {
    return `http://127.0.0.1:${this.random.pick(living()).api.port}`;
  }

  async #until<T>(send: (apiUrl: string) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await send(this.#anyUrl());
      } catch (error) {
        if (error instanceof Refused && !RETRYABLE.has(error.code)) throw error;
        await delay(backoffMs(attempt, { initialMs: 50, maxMs: 1_000 }));
      }
    }
  }
}

class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(`${message} (${code})`);
  }
}

const POLICY = `version: 1.0.0
process:
  selectors:
    - {name: a, operation: [exec], processName: [a]}
  responses:
    - {match: [a], actions: [log]}
`;

/** One after another until told to stop; now and then what all clusters run changes. */
async function makeThings(client: Client, signal: AbortSignal): Promise<void> {
  const policy = await client.make('/v1/policies', 'policy', { source: POLICY });
  const what = { policyId: policy.id, clusters: '' };
  const assignment = await client.make('/v1/assignments', 'everywhere', what);
  for (let at = 0; !signal.aborted; at += 1) {
    await client.make('/v1/clusters', `cluster-${at}`);
    await client.make('/v1/policies', `policy-${at}`, { source: POLICY });
    // Of these the name is not unique: only the Idempotency-Key holds them to one.
    await client.make('/v1/api-keys', 'a key', { role: 'viewer' });
    if (at % 4 === 0) await client.setMode(assignment, at % 8 === 0 ? 'enforce' : 'observe');
  }
}

interface Acknowledged {
  readonly nodeId: string;
  readonly bootId: string;
  readonly sequence: number;
  readonly payload: Buffer;
}

/** At most so many under way, as the real agent. */
const CREDIT = 8;

async function sendBatches(
  agent: SimulatedAgent,
  nodeId: string,
  acknowledged: Acknowledged[],
  signal: AbortSignal,
): Promise<void> {
  const sendOn = async () => {
    while (!signal.aborted) {
      const payload = randomBytes(64);
      const { sent, stored } = agent.sendBatch(payload, 1);
      await stored;
      acknowledged.push({ nodeId, ...sent, payload });
    }
  };
  await Promise.all(Array.from({ length: CREDIT }, sendOn));
}

async function joinAgents(tenantId: string) {
  const { clusterId, joinTokenId, secret } = await newCluster(database, tenantId, AGENTS);
  const names = Array.from({ length: AGENTS }, (_, at) => `node-${at}`);
  const nodes = [];
  for (const name of names) {
    const redemption = redemptionOf(joinTokenId, secret, { name });
    nodes.push(await redeemJoinToken(database.app, redemption));
  }
  const credentials = await issueCredentials(await keyringOf(database), nodes);
  const ports = () => living().map(({ edge }) => edge.port);
  agents = credentials.map(
    (each, at) => new SimulatedAgent({ ...each, ports, name: names[at] ?? '' }),
  );
  for (const agent of agents) agent.start();
  return { clusterId, nodeIds: nodes.map(({ nodeId }) => nodeId) };
}

async function latestRevision(clusterId: string): Promise<number> {
  const [row] = await database.admin`
    select max(revision)::int as revision from bundles where cluster_id = ${clusterId}`;
  return row?.revision ?? 0;
}

async function expectStoredOnce(acknowledged: readonly Acknowledged[]): Promise<void> {
  const rows = await database.admin`
    select node_id, boot_id, sequence::text, payload from event_batches`;
  const nameOf = (node: string, boot: string, sequence: unknown) => `${node} ${boot} ${sequence}`;
  const stored = rows.map((row) => nameOf(row.node_id, row.boot_id, row.sequence));
  expect(new Set(stored).size).toBe(stored.length);
  const payloads = new Map(rows.map((row, at) => [stored[at], row.payload.toString('hex')]));
  const wrong = acknowledged.filter(
    ({ nodeId, bootId, sequence, payload }) =>
      payloads.get(nameOf(nodeId, bootId, sequence)) !== payload.toString('hex'),
  );
  expect(wrong.slice(0, 3)).toEqual([]);
}

async function expectMadeOnce(client: Client): Promise<void> {
  for (const path of ['/v1/clusters', '/v1/api-keys', '/v1/policies', '/v1/assignments']) {
    const listed = await client.list(path);
    const made = client.made.filter((each) => each.path === path).map(({ id }) => id);
    expect(made.length).toBeGreaterThan(0);
    expect(new Set(made).size).toBe(made.length);
    expect(listed).toEqual(expect.arrayContaining(made));
    // Beside what was there before: a cluster and the client's own key.
    expect(listed).toHaveLength(
      made.length + (path === '/v1/clusters' || path === '/v1/api-keys' ? 1 : 0),
    );
  }
}

describe.each([2, 3])(`of %i replicas one after another is killed (seed ${SEED})`, (count) => {
  it('what was acknowledged is there once, and all agents come to run what is published', async () => {
    const random = new Random(SEED + count);
    replicas = await Promise.all(Array.from({ length: count }, startReplica));
    const { id: tenantId } = await database.newTenant();
    const client = new Client(await newOwnerKey(database, tenantId), new Random(SEED));
    const { clusterId, nodeIds } = await joinAgents(tenantId);
    const acknowledged: Acknowledged[] = [];
    const stopped = new AbortController();
    const making = makeThings(client, stopped.signal);
    const sending = agents.map((agent, at) =>
      sendBatches(agent, nodeIds[at] ?? '', acknowledged, stopped.signal),
    );
    const killing = killAndRestart(client, random).finally(() => stopped.abort());
    await Promise.race([killing, making]);
    await Promise.all([killing, making, ...sending]);

    expect(client.replays).toBeGreaterThan(0);
    await expectMadeOnce(client);
    await expectStoredOnce(acknowledged);
    const chain = await verifyAuditLog(database.app, { tenantId });
    expect(chain).toMatchObject({ ok: true });
    const creations = await database.admin`
      select from audit_log where tenant_id = ${tenantId} and action like '%.create'`;
    expect(creations).toHaveLength(client.made.length);
    await eventually(
      async () => {
        const revision = await latestRevision(clusterId);
        expect(revision).toBeGreaterThan(0);
        expect(agents.map((agent) => agent.revision)).toEqual(agents.map(() => revision));
      },
      { withinMs: 60_000 },
    );
    expect(agents.filter(({ wasOfferedOlder }) => wasOfferedOlder)).toEqual([]);
    const codes = new Set(
      agents.flatMap(({ failures, failedTries }) => [...failures.keys(), ...failedTries.keys()]),
    );
    expect([...codes].filter((code) => isErrorCode(code) && !RETRYABLE.has(code))).toEqual([]);
  });
});
