import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { HookStatus } from '../../proto/ts/gen/bulkhead/v1/HookStatus.js';
import type { NodeInfo } from '../../proto/ts/gen/bulkhead/v1/NodeInfo.js';
import type { PoliciesRequest } from '../../proto/ts/gen/bulkhead/v1/PoliciesRequest.js';
import type { PoliciesResponse__Output } from '../../proto/ts/gen/bulkhead/v1/PoliciesResponse.js';
import type { PolicyUpdate__Output } from '../../proto/ts/gen/bulkhead/v1/PolicyUpdate.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { LIMITS } from '../../proto/ts/wire/limits.js';
import { send } from '../../proto/ts/wire/send.js';
import type { LossReport } from '../events/loss-counter.js';
import type { OfferedBundle } from '../policy/policy-service.js';
import type { AgentServiceClient } from './service.js';

export interface PolicyStreamOptions {
  readonly client: AgentServiceClient;
  readonly node: NodeInfo;
  readonly policies: {
    readonly appliedRevision: bigint;
    apply(offered: OfferedBundle): Promise<void>;
  };
  readonly hooks: () => HookStatus[];
  readonly losses: () => LossReport;
  readonly log: Logger;
  readonly heartbeatMs?: number;
}

type PolicyCall = ClientDuplexStream<PoliciesRequest, PoliciesResponse__Output>;

const HEARTBEAT_MS = 30_000;

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
        } else if (response.reconnect) {
          call.end();
          resolve(response.reconnect.afterMs);
        }
      });
      const hello = { node: options.node, appliedRevision: revisionOf(options) };
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

function heartbeatOf(options: PolicyStreamOptions) {
  const { emitted, acknowledged, dropped } = options.losses();
  return {
    appliedRevision: revisionOf(options),
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
