import { Type } from 'typebox';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { Database } from '../store/database.js';
import { pendingMigrations } from '../store/migrate.js';
import { PROBLEM_CONTENT_TYPE, problemBody } from './problem.js';
import type { Api } from './server.js';

/** Where a replica stands between its first line of log and its last. */
export type Phase = 'starting' | 'serving' | 'draining';

export interface HealthDependencies {
  readonly database: Database;
  /** 'serving' where it is left out. */
  readonly phase?: () => Phase;
}

const Health = Type.Object({ status: Type.Literal('ok') }, { title: 'Health' });

export function healthRoutes(api: Api, { database, phase }: HealthDependencies): void {
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

  /** It can serve: it is to, the database answers and is up to date. */
  api.get(
    '/readyz',
    {
      schema: {
        operationId: 'getReadiness',
        summary: 'Whether it can serve: it is to, the database answers and is up to date',
        tags: ['service'],
        response: { 200: Health, 503: Type.Unsafe<string>({ type: 'string' }) },
      },
    },
    async (request, reply) => {
      const now = phase?.() ?? 'serving';
      if (now !== 'serving') {
        // No failure, so not one for sendProblem, which would log each probe as one.
        const body = problemBody(new BulkheadError('UNAVAILABLE', now), request.id);
        return reply.code(503).type(PROBLEM_CONTENT_TYPE).send(JSON.stringify(body));
      }
      await database.ping();
      const pending = await pendingMigrations(database);
      if (pending.length > 0) {
        throw new BulkheadError('UNAVAILABLE', 'the database is not migrated to this version');
      }
      return { status: 'ok' as const };
    },
  );
}
