import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../fuzz/random.js';
import type { ControlPlaneProcess } from '../../support/control-plane.js';
import { preparePublish } from '../../support/publish.js';
import type { Figures } from '../figures.js';
import { FileTree } from '../file-tree.js';
import { endProgress, showProgress } from '../progress.js';
import type { FleetTenant, Place } from './place.js';
import { quantile } from './quantile.js';
import type { Swarm } from './swarm.js';

const GIVE_UP_MS = 120_000;
const PATHS = 100;

export interface PublishPlace {
  readonly place: Place;
  readonly swarm: Swarm;
  readonly api: ControlPlaneProcess;
  readonly tenants: readonly FleetTenant[];
}

/** To one tenant, then to all at the same time; an agent acknowledges as soon as it has the bundle. */
export async function publish(figures: Figures, options: PublishPlace): Promise<void> {
  const { tenants } = options;
  const [first] = tenants;
  if (!first) return;
  const one = await publishTo({ ...options, tenants: [first] }, 'to-one', figures.seed);
  const count = first.nodes.length;
  figures.add(`publish-${count}-p99`, one.p99Ms, 'ms', { is: '<=', value: 1000 });
  figures.add(`publish-${count}-in-database`, one.durableMs, 'ms');
  if (tenants.length < 2) return;
  const all = await publishTo(options, 'to-all', figures.seed);
  const total = tenants.reduce((sum, { nodes }) => sum + nodes.length, 0);
  figures.add(`publish-${total}-p99`, all.p99Ms, 'ms', { is: '<=', value: 10_000 });
  figures.add(`publish-${total}-last`, all.lastMs, 'ms', { is: '<=', value: 10_000 });
  figures.add(`publish-${total}-in-database`, all.durableMs, 'ms');
  const { offeredOlder } = await options.swarm.status();
  figures.add('publish-older', offeredOlder, 'agents', { is: '<=', value: 0 });
}

async function publishTo(
  { place, swarm, api, tenants }: PublishPlace,
  name: string,
  seed: number,
): Promise<{ p99Ms: number; lastMs: number; durableMs: number }> {
  const policy = { name, source: policySource(new Random(seed)) };
  const ready = await Promise.all(
    tenants.map(({ apiKey }) => preparePublish(api.apiUrl, apiKey, policy)),
  );
  const count = tenants.reduce((sum, { nodes }) => sum + nodes.length, 0);
  await swarm.takeUpdates();
  const since = new Date();
  const startedAt = performance.now();
  await Promise.all(ready.map((each) => each.publish()));
  const durableMs = await inDatabase(place, since, count, startedAt);
  const times = (await swarm.takeUpdates()).map((at) => at - since.getTime());
  if (times.length < count) throw new Error(`${count - times.length} agents got no update`);
  return { p99Ms: quantile(times, 0.99), lastMs: quantile(times, 1), durableMs };
}

async function inDatabase(
  { admin }: Place,
  since: Date,
  count: number,
  startedAt: number,
): Promise<number> {
  for (;;) {
    const [row] = await admin<{ acked: number }[]>`
      select count(*)::int as acked from nodes where applied_at >= ${since}`;
    showProgress('publishing', row?.acked ?? 0, count);
    const ms = performance.now() - startedAt;
    if ((row?.acked ?? 0) >= count || ms > GIVE_UP_MS) {
      endProgress();
      return ms;
    }
    // It reads all nodes: more often, and it is what is measured.
    await delay(100);
  }
}

function policySource(random: Random): string {
  const tree = new FileTree(random, 50);
  const paths = Array.from({ length: PATHS }, () => `${tree.folder()}/${tree.name()}`);
  return `version: 1.0.0
file:
  selectors:
    - name: paths
      operation: [openFile]
      targetFilePath: [${paths.join(', ')}]
  responses:
    - match: [paths]
      actions: [alert]
`;
}
