import { Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { pendingMigrations } from '../store/migrate.js';
import type { Api, HttpDependencies } from './server.js';

const Health = Type.Object({ status: Type.Literal('ok') }, { title: 'Health' });

export function healthRoutes(api: Api, { database }: HttpDependencies): void {
  /** The process answers. */
  api.get(
    '/livez',
    {
      schema: {
        operationId: 'getLiveness',
        summary: 'Whether the process answers',
        tags: ['service'],
        response: { 200: Health },
      },
    },
    async () => ({ status: 'ok' as const }),
  );

  /** It can serve: the database answers and is up to date. */
  api.get(
    '/readyz',
    {
      schema: {
        operationId: 'getReadiness',
        summary: 'Whether it can serve: the database answers and is up to date',
        tags: ['service'],
        response: { 200: Health },
      },
    },
    async () => {
      await database.ping();
      const pending = await pendingMigrations(database);
      if (pending.length > 0) {
        throw new BulkheadError('UNAVAILABLE', 'the database is not migrated to this version');
      }
      return { status: 'ok' as const };
    },
  );
}
