import { randomUUID } from 'node:crypto';
import type { PoliciesRequest__Output } from '../../proto/ts/gen/bulkhead/v1/PoliciesRequest.js';
import type { PoliciesResponse } from '../../proto/ts/gen/bulkhead/v1/PoliciesResponse.js';
import { BulkheadError, isErrorCode } from '../../proto/ts/wire/errors.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';
import { send } from '../../proto/ts/wire/send.js';
import type { NodeIdentity } from '../domain/certificates.js';
import type { KeySource } from '../domain/keyring.js';
import { cut, hooksFromWire, lossesFromWire, nodeFactsFromWire } from '../domain/node-info.js';
import type { RpcMetrics } from '../metrics/rpc.js';
import type { Bundle } from '../store/bundles.js';
import type { Database } from '../store/database.js';
import { recordAck, recordHeartbeat, recordHello, recordNack } from '../store/nodes.js';
import type { BundleSource } from './bundle-source.js';
import { type BidiCall, type CallContext, type CallGate, nodeOf } from './calls.js';
import type { ConnectedNodes } from './connected-nodes.js';
import { reconnectMessage, reconnectTime, type StreamLife } from './stream-life.js';
import { offerTrust, trustSha256FromWire } from './trust.js';

export interface PoliciesDependencies {
  readonly database: Database;
  readonly bundles: BundleSource;
  readonly keys: KeySource;
  readonly gate: CallGate;
  readonly life: StreamLife;
  readonly nodes: ConnectedNodes;
  readonly metrics: RpcMetrics;
  /** The poll beside the wake-up. */
  readonly pollMs: number;
}

type PoliciesCall = BidiCall<PoliciesRequest__Output, PoliciesResponse>;

/**
 * hello -> (update -> ack | nack)*. One update is under way at a time; while it is, newer bundles
 * coalesce into the newest. A refused revision is not offered again on this stream.
 */
export async function servePolicies(
  dependencies: PoliciesDependencies,
  call: PoliciesCall,
  context: CallContext,
): Promise<void> {
  const identity = nodeOf(context);
  const { bundles, life, metrics } = dependencies;
  const disconnect = dependencies.nodes.enter(identity.nodeId);
  const bell = bundles.subscribe(identity.tenantId);
  const inbox: PoliciesRequest__Output[] = [];
  const leave = reconnectTime(life);
  const state: StreamState = {
    applied: undefined,
    offered: undefined,
    refused: undefined,
    trustSha256: undefined,
  };
  let ended = false;
  call.on('data', (request: PoliciesRequest__Output) => {
    inbox.push(request);
    if (inbox.length > INBOX_MAX) call.destroy(new Error('the agent does not wait for answers'));
    bell.ring();
  });
  call.once('end', () => {
    ended = true;
    bell.ring();
  });
  const onLeave = () => bell.ring();
  leave.addEventListener('abort', onLeave);
  try {
    while (!ended && !leave.aborted && !context.signal.aborted) {
      for (const request of inbox.splice(0)) {
        await receive(dependencies, identity, request, state, context);
      }
      await dependencies.gate.checkNode(identity);
      // Before a bundle that may be signed by what the node learns here.
      const { current } = dependencies.keys;
      state.trustSha256 = await offerTrust(call, current, state.trustSha256, context.signal);
      const bundle = state.applied === undefined ? undefined : await bundles.current(identity);
      if (bundle && isNews(bundle, state)) {
        await offer(call, bundle, state, context.signal);
        metrics.bundlePushes.inc();
      }
      await bell.wait(dependencies.pollMs * (0.5 + Math.random() / 2), context.signal);
    }
    if (leave.aborted && !context.signal.aborted) {
      await send(call, { reconnect: reconnectMessage(life) }, context.signal);
    }
  } finally {
    leave.removeEventListener('abort', onLeave);
    bundles.unsubscribe(identity.tenantId, bell);
    disconnect();
  }
}

const INBOX_MAX = 64;

interface StreamState {
  /** undefined until Hello. */
  applied: number | undefined;
  offered: { revision: number; nonce: string } | undefined;
  refused: number | undefined;
  /** Of what the node believes, or was told to. undefined: it does not say. */
  trustSha256: Uint8Array | undefined;
}

function isNews(bundle: Bundle, state: StreamState): boolean {
  if (state.offered) return false;
  return bundle.revision > (state.applied ?? 0) && bundle.revision !== state.refused;
}

async function offer(
  call: PoliciesCall,
  bundle: Bundle,
  state: StreamState,
  signal: AbortSignal,
): Promise<void> {
  const nonce = randomUUID();
  state.offered = { revision: bundle.revision, nonce };
  const update = {
    nonce,
    revision: String(bundle.revision),
    envelopeGzip: Buffer.from(bundle.envelopeGzip),
  };
  await send(call, { update }, signal);
}

async function receive(
  { database, metrics }: Pick<PoliciesDependencies, 'database' | 'metrics'>,
  identity: NodeIdentity,
  request: PoliciesRequest__Output,
  state: StreamState,
  { certificateAuthority }: Pick<CallContext, 'certificateAuthority'>,
): Promise<void> {
  const { nodeId } = identity;
  if (request.hello) {
    const node = nodeFactsFromWire(request.hello.node);
    const appliedRevision = revisionFromWire(request.hello.appliedRevision);
    const trustSha256 = trustSha256FromWire(request.hello.trustSha256);
    state.applied = appliedRevision;
    state.trustSha256 = trustSha256;
    const hello = { ...node, appliedRevision, trustSha256, certificateAuthority };
    await database.withTenant(identity, (tx) => recordHello(tx, nodeId, hello));
    return;
  }
  if (state.applied === undefined) {
    throw new BulkheadError('INVALID_ARGUMENT', 'the first message of the stream is not a hello');
  }
  if (request.ack) {
    const { revision } = takeOffer(state, request.ack.nonce);
    state.applied = revision;
    const hooks = hooksFromWire(request.ack.hooks);
    await database.withTenant(identity, (tx) => recordAck(tx, nodeId, { revision, hooks }));
    metrics.bundleAcks.inc();
  } else if (request.nack) {
    const { revision } = takeOffer(state, request.nack.nonce);
    state.refused = revision;
    const { code, message } = request.nack;
    const nack = {
      revision,
      code: isErrorCode(code) ? code : 'INTERNAL',
      message: cut(message, LIMITS.messageBytes),
    };
    await database.withTenant(identity, (tx) => recordNack(tx, nodeId, nack));
    metrics.bundleNacks.inc({ code: nack.code });
  } else if (request.heartbeat) {
    const losses = lossesFromWire(request.heartbeat.losses);
    const appliedRevision = revisionFromWire(request.heartbeat.appliedRevision);
    const trustSha256 = trustSha256FromWire(request.heartbeat.trustSha256);
    await database.withTenant(identity, (tx) =>
      recordHeartbeat(tx, nodeId, { appliedRevision, losses, trustSha256 }),
    );
  }
}

/** What the answer is about; an answer to something else ends the stream. */
function takeOffer(state: StreamState, nonce: string): { revision: number } {
  const { offered } = state;
  if (!offered || offered.nonce !== nonce) {
    throw new BulkheadError('INVALID_ARGUMENT', 'the answer names an update that was not sent');
  }
  state.offered = undefined;
  return offered;
}

function revisionFromWire(text: string): number {
  const revision = Number(text);
  if (!Number.isSafeInteger(revision)) {
    throw new BulkheadError('INVALID_ARGUMENT', 'a revision out of range');
  }
  return revision;
}
