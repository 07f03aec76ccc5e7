import { Type } from 'typebox';
import { listEvents } from '../store/events.js';
import { inTenant } from './authentication.js';
import { closed, Id, Instant, instantFromText, PageQuery, pageFromQuery } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const EventQuery = closed({
  ...PageQuery,
  kind: Type.Optional(
    Type.Union([
      Type.Literal('fork'),
      Type.Literal('exec'),
      Type.Literal('exit'),
      Type.Literal('load'),
      Type.Literal('file'),
      Type.Literal('session'),
    ]),
  ),
  clusterId: Type.Optional(Id),
  nodeId: Type.Optional(Id),
  containerId: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  since: Type.Optional(Instant),
  until: Type.Optional(Instant),
});

export function eventRoutes(api: Api, { database }: HttpDependencies): void {
  /** Newest first. */
  api.get('/v1/events', { schema: { querystring: EventQuery } }, (request) => {
    const { since, until, limit: _limit, after: _after, ...filter } = request.query;
    return inTenant(database, request, (tx) =>
      listEvents(tx, {
        ...pageFromQuery(request.query),
        ...filter,
        since: since === undefined ? undefined : instantFromText('since', since),
        until: until === undefined ? undefined : instantFromText('until', until),
      }),
    );
  });
}
