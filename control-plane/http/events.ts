import { Type } from 'typebox';
import { listEvents } from '../store/events.js';
import { readTenant } from './caller.js';
import {
  AnyObject,
  closed,
  filterFromQuery,
  Id,
  Instant,
  instantFromText,
  oneOf,
  PageQuery,
  pageOf,
  pageToJson,
  toJson,
} from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const EVENT_KINDS = ['fork', 'exec', 'exit', 'load', 'file', 'session'] as const;

const Event = Type.Object(
  {
    id: Type.String(),
    time: Instant,
    clusterId: Id,
    nodeId: Id,
    kind: Type.String({ description: EVENT_KINDS.join(', ') }),
    verdict: Type.String({ description: 'allowed, denied, killed, would_block or undecided' }),
    containerId: Type.Optional(Type.String()),
    document: Type.Unsafe<Readonly<Record<string, unknown>>>({
      ...AnyObject,
      description: 'The event in the Elastic Common Schema.',
    }),
  },
  { title: 'Event' },
);

const EventQuery = closed({
  ...PageQuery,
  kind: Type.Optional(oneOf(EVENT_KINDS)),
  clusterId: Type.Optional(Id),
  nodeId: Type.Optional(Id),
  containerId: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  since: Type.Optional(Type.String({ format: 'date-time', description: 'Inclusive.' })),
  until: Type.Optional(Type.String({ format: 'date-time', description: 'Exclusive.' })),
});

export function eventRoutes(api: Api, { database }: HttpDependencies): void {
  api.get(
    '/v1/events',
    {
      schema: {
        operationId: 'listEvents',
        summary: 'Events, newest first',
        tags: ['events'],
        querystring: EventQuery,
        response: { 200: pageOf('EventPage', Event) },
      },
    },
    async (request) => {
      const { since, until, ...filter } = filterFromQuery(request.query);
      const page = await readTenant(database, request, (tx) =>
        listEvents(tx, {
          ...filter,
          since: since === undefined ? undefined : instantFromText('since', since),
          until: until === undefined ? undefined : instantFromText('until', until),
        }),
      );
      return pageToJson(page, toJson);
    },
  );
}
