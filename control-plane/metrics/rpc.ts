import { Counter, Gauge, type Registry } from 'prom-client';

export interface RpcMetrics {
  readonly calls: Counter<'method' | 'code'>;
  readonly openStreams: Gauge<'method'>;
  readonly connectedNodes: Gauge;
  readonly joinAttempts: Counter<'code'>;
  readonly batches: Counter<'kind'>;
  readonly batchesRefused: Counter<'code'>;
  readonly events: Counter<'kind'>;
  readonly eventBytes: Counter<'kind'>;
  readonly bundleCompositions: Counter;
  readonly bundlePushes: Counter;
  readonly bundleAcks: Counter;
  readonly bundleNacks: Counter<'code'>;
}

export function rpcMetrics(registry: Registry): RpcMetrics {
  const counter = <Label extends string = never>(
    name: string,
    help: string,
    ...labelNames: Label[]
  ) => new Counter({ name: `bulkhead_${name}`, help, labelNames, registers: [registry] });
  const gauge = <Label extends string = never>(
    name: string,
    help: string,
    ...labelNames: Label[]
  ) => new Gauge({ name: `bulkhead_${name}`, help, labelNames, registers: [registry] });
  return {
    calls: counter('grpc_calls_total', 'Calls of agents that ended', 'method', 'code'),
    openStreams: gauge('grpc_open_streams', 'Streams of agents that are open', 'method'),
    connectedNodes: gauge('connected_nodes', 'Nodes whose policy stream is open here'),
    joinAttempts: counter('join_attempts_total', 'Joins, by OK or the code of an error', 'code'),
    batches: counter('batches_received_total', 'Batches stored, repeats included', 'kind'),
    batchesRefused: counter('batches_refused_total', 'Batches refused for good', 'code'),
    events: counter('events_received_total', 'Events in the batches stored', 'kind'),
    eventBytes: counter('event_bytes_received_total', 'Payload of the batches stored', 'kind'),
    bundleCompositions: counter('bundle_compositions_total', 'Bundles composed and signed here'),
    bundlePushes: counter('bundle_pushes_total', 'Bundles sent to nodes'),
    bundleAcks: counter('bundle_acks_total', 'Bundles that nodes have in force'),
    bundleNacks: counter('bundle_nacks_total', 'Bundles that nodes refused', 'code'),
  };
}
