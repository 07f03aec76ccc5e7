// One server for a run of the tests in test/db. Jest loads this file as it is, so that it takes the
// compiled code: `npm run build` comes first.
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'bulkhead-db-';

// biome-ignore lint/style/noDefaultExport: jest calls the default export
export default async function setup() {
  const { startPostgres } = await import('../../dist/deploy/local/postgres.js');
  removeLeftovers();
  const directory = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  const server = await startPostgres({
    dataDirectory: directory,
    log: () => {},
    settings: { fsync: 'off', max_connections: '200' },
  }).catch((error) => {
    remove();
    throw error;
  });
  process.env.BULKHEAD_TEST_POSTGRES_URL = server.url;
  globalThis.stopTestPostgres = async () => {
    await server.stop();
    remove();
  };
}

/** Of runs that were killed; their servers ended with them. */
function removeLeftovers() {
  for (const name of readdirSync(tmpdir())) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}
