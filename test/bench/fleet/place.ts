import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { createCluster } from '../../../control-plane/store/clusters.js';
import { type Database, openDatabase } from '../../../control-plane/store/database.js';
import { migrate } from '../../../control-plane/store/migrate.js';
import { createTenant } from '../../../control-plane/store/tenants.js';
import { startPostgres } from '../../../deploy/local/postgres.js';
import { newOwnerKey } from '../../support/control-plane.js';
import { ROOT } from '../../support/root.js';

/** A Postgres of its own, as `npm start` has one, and two ways into it. */
export interface Place {
  readonly url: string;
  readonly app: Database;
  readonly worker: Database;
  /** A superuser's. */
  readonly admin: postgres.Sql;
  close(): Promise<void>;
}

export async function openPlace(): Promise<Place> {
  mkdirSync(join(ROOT, '.bulkhead'), { recursive: true });
  const directory = mkdtempSync(join(ROOT, '.bulkhead', 'bench-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    const server = await startPostgres({ dataDirectory: directory, log: () => {} });
    const { url } = server;
    await migrate(url);
    const open = (role: 'bulkhead_app' | 'bulkhead_worker') =>
      openDatabase({ url, role, applicationName: 'bench' });
    const [app, worker] = [open('bulkhead_app'), open('bulkhead_worker')];
    const admin = postgres(url, { max: 1, onnotice: () => {} });
    return {
      url,
      app,
      worker,
      admin,
      async close() {
        await Promise.all([app.close(), worker.close(), admin.end()]);
        await server.stop();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

export interface FleetNode {
  readonly tenantId: string;
  readonly clusterId: string;
  readonly nodeId: string;
  readonly name: string;
}

export interface FleetTenant {
  readonly tenantId: string;
  readonly apiKey: string;
  readonly clusterIds: readonly string[];
  readonly nodes: readonly FleetNode[];
}

const NODES_IN_TENANT = 1000;
const NODES_IN_CLUSTER = 100;

/** Nodes that have joined: up to 1000 in a tenant, 100 in a cluster. */
export async function populate(place: Place, count: number): Promise<readonly FleetTenant[]> {
  const tenants: FleetTenant[] = [];
  for (let left = count; left > 0; left -= NODES_IN_TENANT) {
    tenants.push(await newTenant(place, Math.min(left, NODES_IN_TENANT), tenants.length));
  }
  return tenants;
}

async function newTenant(place: Place, count: number, index: number): Promise<FleetTenant> {
  const { app, admin } = place;
  const tenant = await app.withPlatform((tx) => createTenant(tx, { name: `tenant-${index}` }));
  const tenantId = tenant.id;
  const clusterIds: string[] = [];
  const nodes: FleetNode[] = [];
  for (let left = count; left > 0; left -= NODES_IN_CLUSTER) {
    const name = `cluster-${clusterIds.length}`;
    const { id: clusterId } = await app.withTenant({ tenantId }, (tx) =>
      createCluster(tx, { name }),
    );
    clusterIds.push(clusterId);
    const rows = await admin<{ id: string; name: string }[]>`
      insert into nodes (tenant_id, id, cluster_id, name, kernel_release, architecture,
        agent_version, hooks, state)
      select ${tenantId}, gen_random_uuid(), ${clusterId}, 'node-' || number, '6.1.0', 'x86_64',
        '0.1.0', '[]', 'joined'
      from generate_series(1, ${Math.min(left, NODES_IN_CLUSTER)}) as number
      returning id, name`;
    nodes.push(...rows.map((row) => ({ tenantId, clusterId, nodeId: row.id, name: row.name })));
  }
  return { tenantId, clusterIds, nodes, apiKey: await newOwnerKey(place, tenantId) };
}
