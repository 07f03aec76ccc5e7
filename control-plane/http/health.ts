import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { pendingMigrations } from '../store/migrate.js';
import type { Api, HttpDependencies } from './server.js';

export function healthRoutes(api: Api, { database }: HttpDependencies): void {
  /** The process answers. */
  api.get('/livez', async () => ({ status: 'ok' }));

  /** It can serve: the database answers and is up to date. */
  api.get('/readyz', async () => {
    await database.ping();
    const pending = await pendingMigrations(database);
    if (pending.length > 0) {
      throw new BulkheadError('UNAVAILABLE', 'the database is not migrated to this version');
    }
    return { status: 'ok' };
  });
}
