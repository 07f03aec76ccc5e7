// One server for a run of the tests in test/db. Jest loads this file as it is, so that it takes the
// compiled code: `npm run build` comes first.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// biome-ignore lint/style/noDefaultExport: jest calls the default export
export default async function setup() {
  const { startPostgres } = await import('../../dist/deploy/local/postgres.js');
  const directory = mkdtempSync(join(tmpdir(), 'bulkhead-db-'));
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
