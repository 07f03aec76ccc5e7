import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { type HealthDependencies, healthRoutes } from './health.js';
import { answerMalformed, sendProblem } from './problem.js';
import type { Api } from './server.js';

export interface OperationsDependencies extends HealthDependencies {
  readonly log: Logger;
  readonly registry: Registry;
}

const REQUEST_LIMIT_MS = 10_000;

/**
 * What those ask who run a replica, on an address of its own in every role: without keys, so it is not
 * for the outside. Nothing here says anything of a tenant.
 */
export async function createOperationsServer(
  dependencies: OperationsDependencies,
): Promise<FastifyInstance> {
  const logger: FastifyBaseLogger = dependencies.log;
  const server: Api = fastify({
    loggerInstance: logger,
    requestIdHeader: false,
    bodyLimit: 1024,
    requestTimeout: REQUEST_LIMIT_MS,
    exposeHeadRoutes: false,
    logController: new LogController({ disableRequestLogging: true }),
    frameworkErrors: (error, request, reply) => sendProblem(error, request, reply),
    clientErrorHandler: answerMalformed,
  }).withTypeProvider<TypeBoxTypeProvider>();
  server.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });
  server.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
  server.setNotFoundHandler((request, reply) =>
    sendProblem(new BulkheadError('NOT_FOUND', 'there is no such route'), request, reply),
  );
  healthRoutes(server, dependencies);
  const { registry } = dependencies;
  server.get('/metrics', async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
  await server.ready();
  return server;
}
