import { setTimeout as delay } from 'node:timers/promises';
import { recordAlert } from '../../../control-plane/store/alerts.js';
import { insertEvents } from '../../../control-plane/store/events.js';
import type { ControlPlaneProcess } from '../../support/control-plane.js';
import { eventOf, sha256, sightingOf } from '../../support/store-world.js';
import type { Figures } from '../figures.js';
import { endProgress, showProgress } from '../progress.js';
import type { FleetTenant, Place } from './place.js';
import { quantile } from './quantile.js';
import type { Swarm } from './swarm.js';

const PAGES = ['nodes', 'alerts', 'events'] as const;
const SECONDS = 30;
/** A process that has answered little is slower for a second or two: as `cold-start` has it. */
const WARM_UP_SECONDS = 5;
/** Requests a second, begun on time whether or not those before are answered. */
const RATE = 40;
const FULL_SECONDS = 10;
const CLIENTS = 4;
const ROWS = 500;
/** Of each agent that reports: 200 batches and 4000 events a second of 1000 agents. */
const REPORT = { everyMs: 5_000, events: 20 } as const;

/** Pages of 50 while agents report; API, edge and worker are a process each. */
export async function apiLoad(
  figures: Figures,
  {
    place,
    swarm,
    api,
    tenant,
    reporting,
  }: {
    readonly place: Place;
    readonly swarm: Swarm;
    readonly api: ControlPlaneProcess;
    readonly tenant: FleetTenant;
    readonly reporting: number;
  },
): Promise<void> {
  await seedRows(place, tenant);
  await swarm.report({ agents: reporting, ...REPORT });
  const storedBefore = (await swarm.status()).stored;
  const startedAt = performance.now();
  const read: Read = (page) => readPage(api.apiUrl, tenant.apiKey, page);
  await atRate(read, WARM_UP_SECONDS);
  const times = await atRate(read, SECONDS);
  const perSecond = await asFastAsPossible(read);
  const gone = (performance.now() - startedAt) / 1000;
  const rate = ((await swarm.status()).stored - storedBefore) / gone;
  await swarm.report({ agents: 0, ...REPORT });
  figures.note(
    `api: ${RATE} requests a second, from when each was due, while ${reporting} agents send a batch of ` +
      `${REPORT.events} events every ${REPORT.everyMs / 1000} s; ${rate.toFixed(0)} batches/s were acknowledged`,
  );
  for (const [page, all] of times) {
    figures.add(`api-${page}-p99`, quantile(all, 0.99), 'ms', { is: '<=', value: 50 });
    figures.add(`api-${page}-median`, quantile(all, 0.5), 'ms');
  }
  figures.add('api-most', perSecond, 'pages/s');
}

type Read = (page: string) => Promise<void>;

/** Milliseconds of each answer, by page. */
async function atRate(
  read: Read,
  seconds: number,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const times = new Map(PAGES.map((page): [string, number[]] => [page, []]));
  const startedAt = performance.now();
  const answers: Promise<void>[] = [];
  for (let at = 0; at < seconds * RATE; at += 1) {
    const dueAt = startedAt + (at * 1000) / RATE;
    await delay(Math.max(0, dueAt - performance.now()));
    const page = PAGES[at % PAGES.length] ?? 'nodes';
    const answered = () => times.get(page)?.push(performance.now() - dueAt);
    answers.push(read(page).then(() => void answered()));
    showProgress('reading pages', at / RATE, seconds);
  }
  await Promise.all(answers);
  endProgress();
  return times;
}

/** Pages a second to clients that ask one after another each. */
async function asFastAsPossible(read: Read): Promise<number> {
  const startedAt = performance.now();
  const secondsGone = () => (performance.now() - startedAt) / 1000;
  let count = 0;
  const client = async (first: number) => {
    for (let at = first; secondsGone() < FULL_SECONDS; at += 1) {
      await read(PAGES[at % PAGES.length] ?? 'nodes');
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, at) => client(at)));
  return count / secondsGone();
}

async function readPage(apiUrl: string, apiKey: string, page: string): Promise<void> {
  const response = await fetch(`${apiUrl}/v1/${page}?limit=50`, {
    headers: { authorization: `Bearer ${apiKey}` },
  });
  const text = await response.text();
  const { items } = JSON.parse(text);
  if (items?.length !== 50) throw new Error(`${page}: ${response.status} ${text.slice(0, 200)}`);
}

async function seedRows({ worker }: Place, { tenantId, nodes }: FleetTenant): Promise<void> {
  const nodeAt = (at: number) => nodes[at % nodes.length] ?? nodes[0];
  await worker.withTenant({ tenantId }, async (tx) => {
    for (let at = 0; at < ROWS; at += 1) {
      const { clusterId = '', nodeId = '' } = nodeAt(at) ?? {};
      await insertEvents(tx, [eventOf(clusterId, nodeId)]);
      await recordAlert(tx, sightingOf(clusterId, nodeId, { groupKey: sha256(`bench ${at}`) }));
    }
  });
}
