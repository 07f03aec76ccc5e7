import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startWebhookReceiver, type WebhookReceiver } from '../../deploy/local/webhook-receiver.js';
import { eventually } from '../support/eventually.js';
import { NEVER_WAS } from '../support/http-api.js';
import { describeOnKernel } from '../support/needs.js';
import { startTestSystem, type TestSystem } from '../support/system.js';

const DRIFT = (actions: string) => `
process:
  selectors:
    - { name: drifted, operation: [exec], executableOrigin: [writable, memory] }
    - { name: everything, operation: [exec] }
  responses:
    - { match: [drifted], actions: [${actions}] }
    - { match: [everything], actions: [log] }
`;

interface Item {
  readonly id: string;
  readonly name?: string;
  readonly clusterId?: string;
  readonly document?: { readonly process?: { readonly executable?: string } };
}

/** One tenant: a cluster with a node of its own, on which containers of its own run. */
interface Side {
  readonly name: string;
  readonly test: TestSystem;
  readonly container: string;
  readonly receiver: WebhookReceiver;
  /** By route, the ids of what it has. */
  ids: Record<string, readonly string[]>;
  /** What it was told of while all of that came to be. */
  live: LiveUpdates | undefined;
}

interface LiveUpdates {
  /** All that came so far. */
  readonly text: () => string;
  close(): Promise<void>;
}

const LISTS = [
  'clusters',
  'nodes',
  'policies',
  'assignments',
  'events',
  'alerts',
  'webhooks',
  'api-keys',
];

describeOnKernel('two tenants of one installation', () => {
  let left: Side;
  let right: Side;

  beforeAll(async () => {
    left = await startSide('left', 'alert, block');
    right = await startSide('right', 'alert', left.test);
    // Each at the other's replica: no replica is a tenant's own.
    for (const side of [left, right]) side.live = await watch(side, other(side));
    for (const side of [left, right]) await runDrifted(side);
    for (const side of [left, right]) await collect(side);
    // Two whole systems start.
  }, 240_000);

  afterAll(async () => {
    for (const side of [right, left]) {
      await side?.live?.close();
      await side?.receiver.close();
      await side?.test.stop();
    }
  });

  async function startSide(name: string, actions: string, beside?: TestSystem): Promise<Side> {
    const test = await startTestSystem({ tenant: name, ...(beside && { beside }) });
    const receiver = await startWebhookReceiver();
    try {
      await test.startAgent();
      const pod = await test.runtime.pods.runPod({ name });
      const container = await test.runtime.pods.runContainer(pod, { name: `${name}-main` });
      const { api } = test.system;
      const webhook = { name: `${name}-hook`, url: receiver.url };
      receiver.setSecret((await api.post<{ secret: string }>('/v1/webhooks', webhook)).secret);
      await test.enforce(`${name}-policy`, DRIFT(actions));
      return { name, test, container, receiver, ids: {}, live: undefined };
    } catch (error) {
      await receiver.close();
      await test.stop();
      throw error;
    }
  }

  const programOf = ({ name }: Side) => `/tmp/${name}/true`;
  const ended = new Map<string, string>();

  async function runDrifted(side: Side): Promise<void> {
    const program = programOf(side);
    const script = `mkdir /tmp/${side.name}; cp /bin/busybox ${program}; ${program}; echo "ended with $?"`;
    const { stdout } = await side.test.runtime.pods.exec(side.container, ['sh', '-c', script]);
    ended.set(side.name, stdout.trim());
  }

  const other = (side: Side) => (side === left ? right : left);
  const both = () => [left, right];

  /** As the tenant of `side`, at the replica of `at`. */
  async function ask(side: Side, path: string, at = side) {
    const response = await fetch(`${at.test.system.apiUrl}${path}`, {
      headers: { authorization: `Bearer ${side.test.system.newApiKey}` },
    });
    return { status: response.status, text: await response.text() };
  }

  /** Resolves when the stream is open. */
  async function watch(side: Side, at: Side): Promise<LiveUpdates> {
    const topics = 'nodes,alerts,clusters,policies,assignments';
    const abort = new AbortController();
    const response = await fetch(`${at.test.system.apiUrl}/v1/live?topics=${topics}`, {
      headers: { authorization: `Bearer ${side.test.system.newApiKey}` },
      signal: abort.signal,
    });
    expect(response.status).toBe(200);
    const parts: string[] = [];
    const reading = (async () => {
      for await (const part of response.body ?? []) parts.push(Buffer.from(part).toString());
    })().catch(() => {});
    return {
      text: () => parts.join(''),
      async close() {
        abort.abort();
        await reading;
      },
    };
  }

  async function itemsOf(side: Side, path: string): Promise<readonly Item[]> {
    const { status, text } = await ask(side, path);
    expect([path, status]).toEqual([path, 200]);
    return JSON.parse(text).items;
  }

  /** Waits until the drifted program is an alert, and reads all that the tenant has. */
  async function collect(side: Side): Promise<void> {
    await eventually(async () => {
      const programs = (await itemsOf(side, '/v1/alerts')).map(programIn);
      expect(programs).toContain(programOf(side));
    });
    await eventually(() => {
      const delivered = side.receiver.messages.map(({ body }) => JSON.stringify(body.data));
      expect(delivered.some((text) => text.includes(programOf(side)))).toBe(true);
    });
    for (const list of LISTS) {
      side.ids[list] = (await itemsOf(side, `/v1/${list}?limit=200`)).map(({ id }) => id);
    }
  }

  const programIn = ({ document }: Item) => document?.process?.executable;

  it('run each its own policy', () => {
    // 128 and SIGKILL, or what a shell says where an exec was denied.
    expect(ended.get('left')).toMatch(/^ended with (137|126)$/);
    expect(ended.get('right')).toBe('ended with 0');
  });

  it('list nothing of each other, at whichever replica', async () => {
    for (const side of both()) {
      const foreign = Object.values(other(side).ids).flat();
      expect(foreign.length).toBeGreaterThan(LISTS.length);
      for (const list of [...LISTS, 'audit-log']) {
        for (const at of both()) {
          const { status, text } = await ask(side, `/v1/${list}?limit=200`, at);
          expect([list, status]).toEqual([list, 200]);
          expect(foreign.filter((id) => text.includes(id))).toEqual([]);
          // A name tells as much as an id.
          for (const word of [`${other(side).name}-`, programOf(other(side))]) {
            expect([list, text.includes(word)]).toEqual([list, false]);
          }
        }
      }
    }
  });

  it("get the same answer for the other's as for what never was", async () => {
    const routes = ['clusters', 'nodes', 'policies', 'alerts', 'webhooks'];
    for (const side of both()) {
      for (const route of routes) {
        const [id = ''] = other(side).ids[route] ?? [];
        expect(id).not.toBe('');
        for (const at of both()) {
          const foreign = await ask(side, `/v1/${route}/${id}`, at);
          const never = await ask(side, `/v1/${route}/${NEVER_WAS}`, at);
          expect(foreign.status).toBe(404);
          expect(withoutRequest(foreign.text)).toEqual(withoutRequest(never.text));
        }
      }
    }
  });

  it("filter by the other's ids and find nothing", async () => {
    for (const side of both()) {
      for (const [list, key, of] of [
        ['events', 'nodeId', 'nodes'],
        ['events', 'clusterId', 'clusters'],
        ['alerts', 'policyId', 'policies'],
        ['nodes', 'clusterId', 'clusters'],
      ]) {
        const [id = ''] = other(side).ids[of ?? ''] ?? [];
        expect(await itemsOf(side, `/v1/${list}?${key}=${id}`)).toEqual([]);
      }
    }
  });

  it('are told of their own alerts only', () => {
    for (const side of both()) {
      const told = JSON.stringify(side.receiver.messages);
      expect(told).toContain(programOf(side));
      expect(told).not.toContain(programOf(other(side)));
      expect(side.receiver.refused).toBe(0);
    }
  });

  it('are told as it happens of their own alerts and clusters only', async () => {
    for (const side of both()) {
      const made = await side.test.system.api.post<Item>('/v1/clusters', {
        name: `${side.name}-2`,
      });
      side.ids.clusters = [...(side.ids.clusters ?? []), made.id];
    }
    for (const side of both()) {
      const [alert = ''] = side.ids.alerts ?? [];
      const [, cluster = ''] = side.ids.clusters ?? [];
      await eventually(() => {
        expect(side.live?.text()).toContain(alert);
        expect(side.live?.text()).toContain(cluster);
      });
      const foreign = Object.values(other(side).ids).flat();
      expect(foreign.filter((id) => side.live?.text().includes(id))).toEqual([]);
    }
  });

  it('stand in no metric', async () => {
    const names = both().flatMap(({ name, ids }) => [`${name}-`, ...Object.values(ids).flat()]);
    for (const { test } of both()) {
      const log = readFileSync(join(test.directory, 'system/control-plane.log'), 'utf8');
      const [, address] =
        /"address":"([^"]+)","msg":"health and metrics are served"/.exec(log) ?? [];
      const text = await (await fetch(`${address}/metrics`)).text();
      expect(text).toContain('bulkhead_batches_received_total');
      expect(names.filter((name) => text.includes(name))).toEqual([]);
    }
  });
});

function withoutRequest(text: string): unknown {
  const { requestId: _requestId, ...problem } = JSON.parse(text);
  return problem;
}
