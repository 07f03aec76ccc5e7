import type { HttpMetrics } from '../metrics/http.js';
import type { Api } from './server.js';

/** Counts each answer under its route's template: a path would be a series for each id that is asked for. */
export function measureRequests(api: Api, { requests, seconds }: HttpMetrics): void {
  api.addHook('onResponse', async ({ method, routeOptions }, reply) => {
    const route = routeOptions.url ?? 'none';
    requests.inc({ method, route, status: `${Math.floor(reply.statusCode / 100)}xx` });
    seconds.observe({ method, route }, reply.elapsedTime / 1000);
  });
}
