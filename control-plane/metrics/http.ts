import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface HttpMetrics {
  readonly requests: Counter<'method' | 'route' | 'status'>;
  readonly seconds: Histogram<'method' | 'route'>;
  readonly liveStreams: Gauge;
  readonly liveStreamsEnded: Counter<'outcome'>;
  readonly logins: Counter<'how' | 'outcome'>;
}

export function httpMetrics(registry: Registry): HttpMetrics {
  const registers = [registry];
  return {
    requests: new Counter({
      name: 'bulkhead_http_requests_total',
      help: 'Requests answered by the API; the route is its template, the status its class',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    seconds: new Histogram({
      name: 'bulkhead_http_request_duration_seconds',
      help: 'From the head of a request to the end of its answer',
      labelNames: ['method', 'route'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    liveStreams: new Gauge({
      name: 'bulkhead_live_streams',
      help: 'Streams of live updates that are open',
      registers,
    }),
    liveStreamsEnded: new Counter({
      name: 'bulkhead_live_streams_ended_total',
      help: 'Streams of live updates that ended, by outcome: closed (by the client), lifetime, drain, caller, slow, behind',
      labelNames: ['outcome'],
      registers,
    }),
    logins: new Counter({
      name: 'bulkhead_logins_total',
      help: 'Logins of people, by way and by outcome: done, or why not',
      labelNames: ['how', 'outcome'],
      registers,
    }),
  };
}
