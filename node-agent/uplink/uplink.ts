import type { Logger } from 'pino';
import type { HookStatus } from '../../proto/ts/gen/bulkhead/v1/HookStatus.js';
import type { NodeInfo } from '../../proto/ts/gen/bulkhead/v1/NodeInfo.js';
import { backoffMs, sleep } from '../../proto/ts/wire/backoff.js';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { type Trust, trustSha256 } from '../../proto/ts/wire/trust.js';
import type { LossReport } from '../events/loss-counter.js';
import type { Spool } from '../events/spool.js';
import type { PolicyService } from '../policy/policy-service.js';
import { Connection } from './connection.js';
import { CurrentIdentity } from './current-identity.js';
import { errorFromGrpc } from './errors.js';
import { eventSession } from './event-stream.js';
import { type Identity, type IdentityStore, validityOf } from './identity.js';
import { addressOf, renew } from './join.js';
import { policySession } from './policy-stream.js';
import { type AgentServiceClient, openClient } from './service.js';
import { keepStream } from './stream.js';

export interface UplinkOptions {
  readonly controlPlane: { readonly host: string; readonly port: number };
  readonly store: IdentityStore;
  readonly identity: Identity;
  /** Called with each new identity, before it is used. */
  readonly onIdentity: (identity: Identity) => void;
  readonly node: NodeInfo;
  readonly policies: PolicyService;
  readonly spool: Spool;
  readonly hooks: () => HookStatus[];
  readonly losses: () => LossReport;
  readonly log: Logger;
}

const RENEW_RETRY = { initialMs: 5_000, maxMs: 10 * 60_000 };

/**
 * Both streams over one connection, until the signal aborts; a new connection with each new
 * certificate, and for each stream that begins after a change of trust.
 * @throws BulkheadError NODE_REVOKED, CERTIFICATE_REQUIRED (it ran out)
 */
export async function runUplink(options: UplinkOptions, signal: AbortSignal): Promise<void> {
  const { log, store } = options;
  const privateKeyPem = await store.ensureKey();
  const identity = new CurrentIdentity(options.identity, store, options.onIdentity);
  while (!signal.aborted) {
    if (validityOf(identity.value).notAfter.getTime() <= Date.now()) {
      throw new BulkheadError(
        'CERTIFICATE_REQUIRED',
        'the node certificate has run out: start the agent with a new join token',
      );
    }
    const connection = new Connection(() => {
      const { caCertificatesDer, certificateDer } = identity.value;
      const client = { certificateDer, privateKeyPem };
      return openClient(addressOf(options.controlPlane), { caCertificatesDer, client });
    });
    const trust = {
      current: () => identity.value,
      async change(next: Trust) {
        if (trustSha256(next).equals(trustSha256(identity.value))) return;
        await identity.change(next);
        connection.renew();
        log.info({ trust: trustSha256(next).toString('hex') }, 'other keys are believed');
      },
    };
    const renewed = new AbortController();
    const both = AbortSignal.any([signal, renewed.signal]);
    try {
      const streams = [
        keepStream(
          'policies',
          (s) => connection.use((client) => policySession({ ...options, trust, client }, s)),
          log,
          both,
        ),
        keepStream(
          'events',
          (s) => connection.use((client) => eventSession({ ...options, client }, s)),
          log,
          both,
        ),
      ];
      const renewing = renewInTime(connection, identity, privateKeyPem, log, both);
      const broken = Promise.all(streams).then(() => undefined);
      const next = await Promise.race([renewing, broken]);
      if (next) {
        await identity.change(next);
        log.info({ notAfter: validityOf(next).notAfter }, 'certificate renewed');
      }
      renewed.abort();
      await Promise.allSettled(streams);
    } finally {
      renewed.abort();
      connection.renew();
    }
  }
}

/** Waits for half of the certificate's life, with jitter, then asks until it gets the next one. */
async function renewInTime(
  connection: Connection<AgentServiceClient>,
  identity: CurrentIdentity,
  privateKeyPem: string,
  log: Logger,
  signal: AbortSignal,
): Promise<Identity | undefined> {
  const { notBefore, notAfter } = validityOf(identity.value);
  const lifeMs = notAfter.getTime() - notBefore.getTime();
  const at = notBefore.getTime() + lifeMs * (0.5 + Math.random() / 10);
  await sleep(Math.max(0, at - Date.now()), signal);
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      return await connection.use((client) => renew(client, identity.value, privateKeyPem));
    } catch (error) {
      const { code, message } = errorFromGrpc(error);
      log.warn({ code, reason: message }, 'certificate not renewed yet');
      await sleep(backoffMs(attempt, RENEW_RETRY), signal);
    }
  }
  return undefined;
}
