import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { HookStatus } from '../../proto/ts/gen/bulkhead/v1/HookStatus.js';
import type { NodeInfo } from '../../proto/ts/gen/bulkhead/v1/NodeInfo.js';
import type { PoliciesRequest } from '../../proto/ts/gen/bulkhead/v1/PoliciesRequest.js';
import type { PoliciesResponse__Output } from '../../proto/ts/gen/bulkhead/v1/PoliciesResponse.js';
import type { PolicyUpdate__Output } from '../../proto/ts/gen/bulkhead/v1/PolicyUpdate.js';
import type { TrustUpdate__Output } from '../../proto/ts/gen/bulkhead/v1/TrustUpdate.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';
import { send } from '../../proto/ts/wire/send.js';
import { type Trust, trustSha256 } from '../../proto/ts/wire/trust.js';
import type { LossReport } from '../events/loss-counter.js';
import type { OfferedBundle } from '../policy/policy-service.js';
import type { AgentServiceClient } from './service.js';
import { trustFromWire } from './trust.js';

export interface PolicyStreamOptions {
  readonly client: AgentServiceClient;
  readonly node: NodeInfo;
  readonly policies: {
    readonly appliedRevision: bigint;
    apply(offered: OfferedBundle): Promise<void>;
  };
  /** Whom the node believes; a change resolves when it is on disk and in effect. */
  readonly trust: { current(): Trust; change(trust: Trust): Promise<void> };
  readonly hooks: () => HookStatus[];
  readonly losses: () => LossReport;
  readonly log: Logger;
  readonly heartbeatMs?: number;
}

type PolicyCall = ClientDuplexStream<PoliciesRequest, PoliciesResponse__Output>;

/** At most. A node of which two are missing is shown as silent. */
const HEARTBEAT_MS = 45_000;

/**
 * Hello, then an Ack or a Nack for each Update and a Heartbeat now and then. Resolves to the delay
 * that the control plane asks for before the next stream.
 */
export async function policySession(
  options: PolicyStreamOptions,
  signal: AbortSignal,
): Promise<number> {
  const call: PolicyCall = options.client.Policies();
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  const heartbeat = setInterval(
    () => {
      send(call, { heartbeat: heartbeatOf(options) }, both).catch(() => call.cancel());
    },
    (options.heartbeatMs ?? HEARTBEAT_MS) * (0.8 + Math.random() / 5),
  );
  const onAbort = () => call.cancel();
  signal.addEventListener('abort', onAbort);
  try {
    return await new Promise<number>((resolve, reject) => {
      call.on('error', reject);
      call.on('end', () => resolve(0));
      call.on('data', (response: PoliciesResponse__Output) => {
        if (response.update) {
          answer(options, call, response.update, both).catch(reject);
        } else if (response.trust) {
          believe(options, call, response.trust, both).catch(reject);
        } else if (response.reconnect) {
          call.end();
          resolve(response.reconnect.afterMs);
        }
      });
      const hello = {
        node: options.node,
        appliedRevision: revisionOf(options),
        trustSha256: trustSha256(options.trust.current()),
      };
      send(call, { hello }, both).catch(reject);
    });
  } finally {
    clearInterval(heartbeat);
    signal.removeEventListener('abort', onAbort);
    ended.abort();
    call.on('error', () => {});
    call.cancel();
  }
}

async function answer(
  options: PolicyStreamOptions,
  call: PolicyCall,
  update: PolicyUpdate__Output,
  signal: AbortSignal,
): Promise<void> {
  const { nonce, revision } = update;
  try {
    const envelopeGzip = update.envelopeGzip;
    await options.policies.apply({ revision: BigInt(revision), envelopeGzip });
  } catch (error) {
    const known =
      error instanceof BulkheadError
        ? error
        : new BulkheadError('BUNDLE_NOT_LOADED', undefined, { cause: error });
    options.log.error(
      { revision, code: known.code, reason: known.message, err: known.cause },
      'bundle refused',
    );
    const message = known.message.slice(0, LIMITS.messageBytes / 4);
    await send(call, { nack: { nonce, revision, code: known.code, message } }, signal);
    return;
  }
  await send(call, { ack: { nonce, revision, hooks: options.hooks() } }, signal);
}

/** The heartbeat says what is on disk; a trust that could not be kept is offered again on the next stream. */
async function believe(
  options: PolicyStreamOptions,
  call: PolicyCall,
  update: TrustUpdate__Output,
  signal: AbortSignal,
): Promise<void> {
  try {
    await options.trust.change(trustFromWire(update));
  } catch (error) {
    options.log.error({ err: error }, 'the new trust is refused, the former one stays');
    return;
  }
  await send(call, { heartbeat: heartbeatOf(options) }, signal);
}

function heartbeatOf(options: PolicyStreamOptions) {
  const { emitted, acknowledged, dropped } = options.losses();
  return {
    appliedRevision: revisionOf(options),
    trustSha256: trustSha256(options.trust.current()),
    losses: {
      emitted: String(emitted),
      acknowledged: String(acknowledged),
      dropped: [...dropped].map(([reason, count]) => ({ reason, count: String(count) })),
    },
  };
}

function revisionOf({ policies }: PolicyStreamOptions): string {
  return String(policies.appliedRevision);
}
