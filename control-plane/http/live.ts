import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { listClusterIds } from '../store/clusters.js';
import type { Database } from '../store/database.js';
import type { LogPosition } from '../store/event-cursors.js';
import { getQuotas } from '../store/quotas.js';
import { authorise } from './authentication.js';
import { callerOf, inTenant } from './caller.js';
import { LIVE_SETTINGS, LiveHub } from './live-hub.js';
import { type LiveScope, LiveStream, positionFromText } from './live-stream.js';
import { LIVE_TOPICS, topicsFromText } from './live-topics.js';
import { closed } from './schemas.js';
import type { Api, HttpDependencies } from './server.js';

const LiveQuery = closed({
  topics: Type.String({
    pattern: '^[a-z-]{1,32}(,[a-z-]{1,32}){0,15}$',
    description: `Of ${Object.keys(LIVE_TOPICS).join(', ')}; commas between them.`,
  }),
  lastEventId: Type.Optional(
    Type.String({ maxLength: 64, description: 'For clients that cannot send Last-Event-ID.' }),
  ),
});

/** Live updates. @returns the hub of all streams of this replica, which ends with the server */
export async function liveRoutes(api: Api, dependencies: HttpDependencies): Promise<LiveHub> {
  const { database, metrics, log } = dependencies;
  const settings = { ...LIVE_SETTINGS, ...dependencies.live };
  const hub = new LiveHub(database, log, settings);
  const rechecks = new Map<string, Promise<LiveScope>>();
  // Before the server waits for its open requests.
  api.addHook('preClose', async () => hub.drain());
  api.addHook('onClose', () => hub.close());
  await hub.start();

  api.get(
    '/v1/live',
    {
      schema: {
        operationId: 'watch',
        summary: 'What changes, as it does: a stream of server-sent events',
        description: DESCRIPTION,
        tags: ['live updates'],
        querystring: LiveQuery,
        headers: Type.Object({ 'Last-Event-ID': Type.Optional(Type.String({ maxLength: 64 })) }),
        produces: ['text/event-stream'],
        response: { 200: Type.Unsafe<Readable>({ type: 'string', description: 'Events.' }) },
      },
    },
    async (request, reply) => {
      const { topics, lastEventId } = request.query;
      const { kind, id, viaSessionId = '' } = callerOf(request);
      const caller = `${kind}:${id}`;
      // One session of a member may have ended where another has not.
      const who = `${caller}:${viaSessionId}`;
      const scope = await scopeOf(database, request, topics);
      const { maximums } = await inTenant(database, request, getQuotas);
      const stream = new LiveStream({
        context: callerOf(request),
        caller,
        scope,
        times: settings,
        recheck: () => shared(rechecks, `${who} ${topics}`, () => again(request)),
        cut: () => {
          if (!reply.raw.writableFinished) reply.raw.destroy();
        },
        onEnd: (outcome) => {
          hub.leave(stream);
          metrics?.liveStreams.dec();
          metrics?.liveStreamsEnded.inc({ outcome });
        },
      });
      metrics?.liveStreams.inc();
      reply.raw.once('close', () => stream.body.destroy());
      try {
        const from = whereFrom(request.headers['last-event-id'] ?? lastEventId);
        await hub.open(stream, from, maximums.liveStreams);
      } catch (error) {
        stream.body.destroy();
        throw error;
      }
      // The client may have left meanwhile.
      if (reply.raw.closed) stream.body.destroy();
      // Proxies that collect an answer before they pass it on.
      reply.header('x-accel-buffering', 'no').type('text/event-stream');
      return reply.send(stream.body);
    },
  );

  return hub;

  async function again(request: FastifyRequest): Promise<LiveScope> {
    await authorise(dependencies, request);
    const { topics } = request.query as { topics: string };
    return scopeOf(database, request, topics);
  }
}

const DESCRIPTION = `Each event names a thing and how it changed; its caller then reads the thing:
\`event: alert.updated\`, \`data: {"id", "kind", "clusterId"}\`. The first event is \`ready\`, or
\`reset\` where what happened since the last id is not known any more: read everything again.
Told at least once, in order; a stream ends after half an hour and is to be opened again.`;

async function scopeOf(
  database: Database,
  request: FastifyRequest,
  topics: string,
): Promise<LiveScope> {
  const caller = callerOf(request);
  return {
    topics: topicsFromText(topics, caller),
    clusterIds: caller.clusters && new Set(await inTenant(database, request, listClusterIds)),
    expiresAt: caller.expiresAt,
  };
}

function whereFrom(
  lastEventId: string | string[] | undefined,
): LogPosition | 'unknown' | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  return positionFromText(String(lastEventId)) ?? 'unknown';
}

/** Streams of one caller that ask at the same time share one answer. */
function shared<T>(
  underWay: Map<string, Promise<T>>,
  key: string,
  ask: () => Promise<T>,
): Promise<T> {
  const known = underWay.get(key);
  if (known) return known;
  const answer = ask().finally(() => underWay.delete(key));
  underWay.set(key, answer);
  return answer;
}
