import { setTimeout as delay } from 'node:timers/promises';
import type { ControlPlaneProcess } from '../../support/control-plane.js';
import type { Figures } from '../figures.js';
import { endProgress, showProgress } from '../progress.js';
import type { Place } from './place.js';
import { MIB, sample } from './replica.js';
import type { Swarm } from './swarm.js';

const GIVE_UP_MS = 300_000;

/** All at once, to a replica that has nobody. */
export async function connectAll(
  figures: Figures,
  { place, swarm, count }: { place: Place; swarm: Swarm; count: number },
): Promise<void> {
  const startedAt = performance.now();
  const since = new Date();
  await swarm.start();
  await allServed({ place, count, since, what: 'connecting' });
  figures.add('connect-all', (performance.now() - startedAt) / 1000, 's');
  figures.add('connect-failed-tries', sumOf((await swarm.status()).failedTries), 'tries');
}

/** The replica that has all of them is killed; another that has nobody takes them. */
export async function storm(
  figures: Figures,
  {
    place,
    swarm,
    count,
    edge,
    next,
  }: {
    place: Place;
    swarm: Swarm;
    count: number;
    edge: ControlPlaneProcess;
    next: ControlPlaneProcess;
  },
): Promise<void> {
  await swarm.direct([next.grpcPort]);
  const failedBefore = sumOf((await swarm.status()).failedTries);
  const before = await sample(next);
  const startedAt = performance.now();
  const since = new Date();
  await edge.destroy();
  const served = await allServed({ place, count, since, what: 'reconnecting' });
  const seconds = (performance.now() - startedAt) / 1000;
  const after = await sample(next);
  const { failures, failedTries } = await swarm.status();
  figures.note(
    `storm: what ended streams, from the start on: ${JSON.stringify(failures)}; tries that failed and were made again: ${JSON.stringify(failedTries)}`,
  );
  figures.add('storm-all-served', seconds, 's', { is: '<=', value: 90 });
  figures.add('storm-unserved', count - served, 'agents', { is: '<=', value: 0 });
  figures.add('storm-failed-tries', sumOf(failedTries) - failedBefore, 'tries');
  figures.add('storm-cpu', after.cpuSeconds - before.cpuSeconds, 's');
  figures.add('storm-rss', after.rssBytes / MIB, 'MiB');
}

/** Waits until the Hello of each is in the database. */
async function allServed({
  place,
  count,
  since,
  what,
}: {
  place: Place;
  count: number;
  since: Date;
  what: string;
}): Promise<number> {
  const deadline = performance.now() + GIVE_UP_MS;
  for (;;) {
    const [row] = await place.admin<{ served: number }[]>`
      select count(*)::int as served from nodes where last_seen_at >= ${since}`;
    const served = row?.served ?? 0;
    showProgress(what, served, count);
    if (served >= count || performance.now() > deadline) {
      endProgress();
      return served;
    }
    await delay(200);
  }
}

function sumOf(failures: Readonly<Record<string, number>>): number {
  return Object.values(failures).reduce((sum, count) => sum + count, 0);
}
