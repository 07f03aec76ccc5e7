import { setTimeout as delay } from 'node:timers/promises';
import type { ControlPlaneProcess } from '../../support/control-plane.js';
import type { Figures } from '../figures.js';
import { endProgress, showProgress } from '../progress.js';
import { MIB, sample } from './replica.js';

/** What came with the connections is over by then, and V8 has looked for the garbage of it. */
const SETTLE_S = 90;
/** Two rounds of heartbeats, more than one of polls. */
const SECONDS = 90;

/** Nothing happens but heartbeats, at the agents' own interval of 36 to 45 s. */
export async function idle(figures: Figures, edge: ControlPlaneProcess): Promise<void> {
  figures.add('connected-rss', (await sample(edge)).rssBytes / MIB, 'MiB');
  await wait('settling', SETTLE_S);
  const before = await sample(edge);
  await wait('idle', SECONDS);
  const after = await sample(edge);
  const share = (100 * (after.cpuSeconds - before.cpuSeconds)) / ((after.at - before.at) / 1000);
  figures.add('idle-rss', after.rssBytes / MIB, 'MiB', { is: '<=', value: 1024 });
  figures.add('idle-cpu', share, '%', { is: '<=', value: 5 });
}

async function wait(what: string, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    showProgress(what, second, seconds);
    await delay(1000);
  }
  endProgress();
}
