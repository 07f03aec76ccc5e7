import type { FastifyRequest } from 'fastify';
import { failSpan, type ServerSpan, startServerSpan } from '../tracing/spans.js';
import type { Api } from './server.js';

/** A span for each request, named by its route's template; what it asks the database for is below it. */
export function traceRequests(api: Api): void {
  const spans = new WeakMap<FastifyRequest, ServerSpan>();
  api.addHook('onRequest', (request, _reply, done) => {
    const { method, headers, routeOptions } = request;
    const serverSpan = startServerSpan(`${method} ${routeOptions.url ?? ''}`.trim(), headers);
    serverSpan.span.setAttributes({
      'http.request.method': method,
      'http.route': routeOptions.url ?? '',
      'bulkhead.request.id': request.id,
    });
    spans.set(request, serverSpan);
    serverSpan.run(done);
  });
  // Once more: what reads the body goes on in the context of the socket.
  api.addHook('preHandler', (request, _reply, done) => {
    const serverSpan = spans.get(request);
    if (serverSpan) serverSpan.run(done);
    else done();
  });
  api.addHook('onResponse', async (request, reply) => {
    const span = spans.get(request)?.span;
    span?.setAttribute('http.response.status_code', reply.statusCode);
    if (span && reply.statusCode >= 500) failSpan(span, String(reply.statusCode));
    span?.end();
  });
}
