import type { Figures } from '../figures.js';
import { endProgress, showProgress } from '../progress.js';
import { apiLoad } from './api-load.js';
import { coldStart } from './cold-start.js';
import { connectAll, storm } from './connect.js';
import { idle } from './idle.js';
import { joins } from './joins.js';
import { openPlace, populate } from './place.js';
import { publish } from './publish.js';
import { startReplica } from './replica.js';
import { Swarm } from './swarm.js';

export interface FleetOptions {
  readonly agents: number;
}

const SWARM_PROCESSES = 2;
/** What joins and what reports, of more agents. */
const SOME = 1000;

/** Thousands of agents on one replica, over TLS with a certificate each, beside a Postgres of its own. */
export async function fleetBenchmark(figures: Figures, { agents }: FleetOptions): Promise<void> {
  const place = await openPlace();
  const swarm = new Swarm(SWARM_PROCESSES);
  const closing: (() => Promise<void>)[] = [() => place.close(), () => swarm.close()];
  const start = async (roles: string) => {
    const { replica } = await startReplica(place.url, roles);
    closing.push(() => replica.destroy());
    return replica;
  };
  try {
    await coldStart(figures, place);
    const edge = await start('edge');
    const api = await start('api');
    await start('worker');
    const tenants = await populate(place, agents);
    const [tenant] = tenants;
    if (!tenant) throw new Error('--agents: at least 1');
    figures.note(
      `${agents} agents, each with a connection and two streams, in ${tenants.length} tenants, 100 a cluster; ` +
        'edge, API and worker are a process each',
    );
    showProgress('certificates', 0, 1);
    await swarm.create(
      place.url,
      tenants.flatMap(({ nodes }) => nodes),
    );
    endProgress();
    await swarm.direct([edge.grpcPort]);
    await connectAll(figures, { place, swarm, count: agents });
    await idle(figures, edge);
    await publish(figures, { place, swarm, api, tenants });
    const some = Math.min(agents, SOME);
    await joins(figures, place, { swarm, tenant, port: edge.grpcPort, count: some });
    await apiLoad(figures, { place, swarm, api, tenant, reporting: some });
    const next = await start('edge');
    await storm(figures, { place, swarm, count: agents, edge, next });
  } finally {
    for (const close of closing.reverse()) await close();
  }
}
