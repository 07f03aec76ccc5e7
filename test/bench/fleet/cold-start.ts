import type { Figures, Goal } from '../figures.js';
import { median } from '../measure.js';
import { endProgress, showProgress } from '../progress.js';
import type { Place } from './place.js';
import { MIB, sample, startReplica } from './replica.js';

const ROLES = { all: 'edge,api,worker', edge: 'edge' } as const;
const RUNS = 5;
const GOALS = {
  readyMs: { is: '<=', value: 1500 },
  rssMib: { is: '<=', value: 120 },
} as const satisfies Record<string, Goal>;

/** From the start of the process to ready, with a database that is migrated and has its keys. */
export async function coldStart(figures: Figures, { url }: Place): Promise<void> {
  for (const [name, roles] of Object.entries(ROLES)) {
    const times: number[] = [];
    const sizes: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      showProgress(`cold starts, ${name}`, run, RUNS);
      const { replica, readyMs } = await startReplica(url, roles);
      sizes.push((await sample(replica)).rssBytes / MIB);
      times.push(readyMs);
      await replica.destroy();
    }
    endProgress();
    figures.add(`cold-start-${name}`, median(times), 'ms', GOALS.readyMs);
    figures.add(`cold-start-${name}-rss`, median(sizes), 'MiB', GOALS.rssMib);
  }
}
