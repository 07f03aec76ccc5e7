import type { PoliciesRequest__Output } from '../../proto/ts/gen/bulkhead/v1/PoliciesRequest.js';
import type { PoliciesResponse } from '../../proto/ts/gen/bulkhead/v1/PoliciesResponse.js';
import { BulkheadError, isErrorCode } from '../../proto/ts/wire/errors.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';
import { send } from '../../proto/ts/wire/send.js';
import { Bell } from '../domain/bell.js';
import type { NodeIdentity } from '../domain/certificates.js';
import type { KeySource } from '../domain/keyring.js';
import { cut, hooksFromWire, lossesFromWire, nodeFactsFromWire } from '../domain/node-info.js';
import { Offers } from '../domain/offers.js';
import type { Slots } from '../domain/slots.js';
import type { RpcMetrics } from '../metrics/rpc.js';
import type { BundleSource, ClusterBundle } from './bundle-source.js';
import { type BidiCall, type CallContext, nodeOf, type StreamContext } from './calls.js';
import type { ConnectedNodes } from './connected-nodes.js';
import type { NodeReports } from './node-reports.js';
import type { StreamLife } from './stream-life.js';
import { offerTrust, trustSha256FromWire } from './trust.js';
import { written } from './written.js';

export interface PoliciesDependencies {
  readonly bundles: BundleSource;
  readonly keys: KeySource;
  readonly reports: NodeReports;
  readonly nodes: ConnectedNodes;
  /** Of all streams of this replica. */
  readonly offersUnderWay: Slots;
  readonly life: StreamLife;
  readonly metrics: RpcMetrics;
}

type PoliciesCall = BidiCall<PoliciesRequest__Output, PoliciesResponse>;

/** A peer that reads slowly does not keep others from theirs for longer. */
const SLOT_MS = 1_000;

/**
 * hello -> (update -> ack | nack)*; what is offered when: Offers. Nothing of it asks the database.
 * A message is taken in as it comes; only what may make something to send wakes the stream, which a
 * heartbeat seldom does.
 */
export async function servePolicies(
  dependencies: PoliciesDependencies,
  call: PoliciesCall,
  context: StreamContext,
): Promise<void> {
  const identity = nodeOf(context);
  const { life } = dependencies;
  const bell = new Bell();
  const wake = () => bell.ring();
  const state: StreamState = { offers: new Offers(), trustSha256: undefined };
  let ended = false;
  const disconnect = dependencies.nodes.enter(identity.nodeId);
  const cluster = dependencies.bundles.subscribe(identity, wake);
  const leave = life.enter(wake);
  context.onEnd = wake;
  call.on('data', (request: PoliciesRequest__Output) => {
    if (context.hasEnded) return;
    try {
      receive(dependencies, identity, request, state, context);
    } catch (error) {
      context.fail(error);
    }
    if (!request.heartbeat || isNews(cluster, state)) wake();
  });
  call.on('end', () => {
    ended = true;
    wake();
  });
  try {
    while (!ended && !leave.isDue && !context.hasEnded) {
      await tellTrust(dependencies, call, state, context);
      if (isNews(cluster, state)) await offer(dependencies, call, cluster, state, context);
      await bell.rung();
    }
    if (leave.isDue && !context.hasEnded) {
      await send(call, { reconnect: life.reconnectMessage() }, context.signal);
    }
  } finally {
    leave.forget();
    cluster.leave();
    disconnect();
  }
}

interface StreamState {
  readonly offers: Offers;
  /** Of what the node believes, or was told to. undefined: it does not say. */
  trustSha256: Uint8Array | undefined;
}

function isNews({ current }: ClusterBundle, { offers }: StreamState): boolean {
  return current !== undefined && offers.isNews(current.revision);
}

async function tellTrust(
  { keys }: Pick<PoliciesDependencies, 'keys'>,
  call: PoliciesCall,
  state: StreamState,
  context: StreamContext,
): Promise<void> {
  state.trustSha256 = await offerTrust(call, keys.current, state.trustSha256, context);
}

async function offer(
  dependencies: PoliciesDependencies,
  call: PoliciesCall,
  cluster: ClusterBundle,
  state: StreamState,
  context: StreamContext,
): Promise<void> {
  const { offers } = state;
  const leave = await dependencies.offersUnderWay.enter();
  const timer = setTimeout(leave, SLOT_MS);
  try {
    // The keys may have changed while it waited, and which bundle is the newest: it may be signed by what
    // the node learns here.
    await tellTrust(dependencies, call, state, context);
    const { current } = cluster;
    if (!current || context.hasEnded || !offers.isNews(current.revision)) return;
    const { revision, envelopeGzip } = current;
    const update = { nonce: offers.offer(revision), revision: String(revision), envelopeGzip };
    await written(call, { update }, context.signal);
    dependencies.metrics.bundlePushes.inc();
  } finally {
    clearTimeout(timer);
    leave();
  }
}

function receive(
  { reports, metrics }: Pick<PoliciesDependencies, 'reports' | 'metrics'>,
  identity: NodeIdentity,
  request: PoliciesRequest__Output,
  state: StreamState,
  { certificateAuthority }: Pick<CallContext, 'certificateAuthority'>,
): void {
  const { offers } = state;
  if (request.hello) {
    const { hooks, name: _joinedUnder, ...machine } = nodeFactsFromWire(request.hello.node);
    const appliedRevision = revisionFromWire(request.hello.appliedRevision);
    const trustSha256 = trustSha256FromWire(request.hello.trustSha256);
    offers.hello(appliedRevision);
    state.trustSha256 = trustSha256;
    const trust = {
      ...(certificateAuthority && { certificateAuthority }),
      ...(trustSha256 && { trustSha256 }),
    };
    reports.add(identity, { machine, hooks, appliedRevision, ...trust }, true);
    return;
  }
  if (!offers.isGreeted) {
    throw new BulkheadError('INVALID_ARGUMENT', 'the first message of the stream is not a hello');
  }
  if (request.ack) {
    const appliedRevision = offers.acknowledge(request.ack.nonce);
    const hooks = hooksFromWire(request.ack.hooks);
    reports.add(identity, { appliedRevision, isApplied: true, hooks, lastNack: null }, true);
    metrics.bundleAcks.inc();
  } else if (request.nack) {
    const revision = offers.refuse(request.nack.nonce);
    const code = isErrorCode(request.nack.code) ? request.nack.code : 'INTERNAL';
    const message = cut(request.nack.message, LIMITS.messageBytes);
    const lastNack = { revision, code, message, at: new Date().toISOString() };
    reports.add(identity, { lastNack }, true);
    metrics.bundleNacks.inc({ code });
  } else if (request.heartbeat) {
    const losses = lossesFromWire(request.heartbeat.losses);
    const appliedRevision = revisionFromWire(request.heartbeat.appliedRevision);
    const trustSha256 = trustSha256FromWire(request.heartbeat.trustSha256);
    offers.heartbeat(appliedRevision);
    const told = { ...(losses && { losses }), ...(trustSha256 && { trustSha256 }) };
    reports.add(identity, { appliedRevision, ...told }, false);
  }
}

function revisionFromWire(text: string): number {
  const revision = Number(text);
  if (!Number.isSafeInteger(revision)) {
    throw new BulkheadError('INVALID_ARGUMENT', 'a revision out of range');
  }
  return revision;
}
