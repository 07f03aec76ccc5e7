import { X509Certificate } from 'node:crypto';
import * as grpc from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import { identityFromSubjectAltName, type NodeIdentity, pinOf } from '../domain/certificates.js';
import type { KeySource } from '../domain/keyring.js';
import type { CertificatePlace } from '../domain/node-certificates.js';
import type { RpcMetrics } from '../metrics/rpc.js';
import { inSpan } from '../tracing/spans.js';
import { RPC_ACCESS } from './access.js';
import type { ShownIdentity } from './admission.js';
import { statusFromError } from './errors.js';
import type { NodeWatch } from './node-watch.js';

/** What every handler gets besides its message. */
export interface CallContext {
  /** undefined only where the access table says `anyone`. */
  readonly identity: NodeIdentity | undefined;
  /** Which of the node's certificates the call came with; undefined as the identity is. */
  readonly place: CertificatePlace | undefined;
  /** The pin of the authority that issued the certificate; undefined where there is no identity. */
  readonly certificateAuthority: string | undefined;
  /** Address, without the port. */
  readonly peer: string;
  readonly log: Logger;
  /** Aborts when the call ends, for whatever reason. */
  readonly signal: AbortSignal;
}

export interface CallGate {
  readonly log: Logger;
  readonly metrics: Pick<RpcMetrics, 'calls' | 'openStreams'>;
  readonly trustDomain: string;
  readonly keys: KeySource;
  readonly watch: Pick<NodeWatch, 'check' | 'enter'>;
}

const RPC = { 'rpc.system': 'grpc' };

type AnyCall = Pick<
  grpc.ServerUnaryCall<unknown, unknown>,
  'getAuthContext' | 'getPeer' | 'getPath'
>;

/** The order in which every call is treated: who is it, may they, handle, translate what goes wrong. */
export function unary<Request, Response>(
  gate: CallGate,
  handle: (request: Request, context: CallContext) => Promise<Response>,
): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const ended = new AbortController();
    call.once('cancelled', () => ended.abort());
    const log = logOf(gate, call);
    const count = (code: grpc.status) => countCall(gate, call, ended.signal.aborted, code);
    const answer = async () => {
      const caller = await enter(gate, identify(gate, call));
      return handle(call.request, { ...caller, log, signal: ended.signal });
    };
    inSpan(call.getPath().slice(1), { kind: 'server', attributes: RPC }, answer)
      .then((response) => {
        count(grpc.status.OK);
        callback(null, response);
      })
      .catch((error: unknown) => {
        const status = statusFromError(error, log);
        count(status.code);
        callback(status);
      })
      .finally(() => ended.abort());
  };
}

export type BidiCall<Request, Response> = grpc.ServerDuplexStream<Request, Response>;

/** The same for a stream: it ends when `handle` settles, or as soon as its node may not call any more. */
export function bidi<Request, Response>(
  gate: CallGate,
  handle: (call: BidiCall<Request, Response>, context: CallContext) => Promise<void>,
): grpc.handleBidiStreamingCall<Request, Response> {
  return (call) => {
    const ended = new AbortController();
    const log = logOf(gate, call);
    call.once('cancelled', () => ended.abort());
    call.once('close', () => ended.abort());
    call.on('error', (error: Error) => {
      log.debug({ err: error }, 'stream broke');
      ended.abort();
    });
    const method = methodOf(call);
    const count = (code: grpc.status) => countCall(gate, call, ended.signal.aborted, code);
    gate.metrics.openStreams.inc({ method });
    let leave = () => {};
    const serve = async () => {
      const caller = identify(gate, call);
      const { shown } = caller;
      const refused = new Promise<never>((_resolve, reject) => {
        if (shown) leave = gate.watch.enter(shown, reject);
      });
      const handled = async () => {
        const entered = await enter(gate, caller);
        await handle(call, { ...entered, log, signal: ended.signal });
      };
      await Promise.race([handled(), refused]);
    };
    serve()
      .then(() => {
        count(grpc.status.OK);
        call.end();
      })
      .catch((error: unknown) => {
        if (ended.signal.aborted) {
          count(grpc.status.CANCELLED);
          return;
        }
        const status = statusFromError(error, log);
        count(status.code);
        call.emit('error', status);
      })
      .finally(() => {
        leave();
        gate.metrics.openStreams.dec({ method });
        ended.abort();
      });
  };
}

/** The identity of a call that needs one. */
export function nodeOf(context: CallContext): NodeIdentity {
  if (!context.identity) throw new BulkheadError('CERTIFICATE_REQUIRED');
  return context.identity;
}

/** Where the certificate of a call that needs one stands among the node's. */
export function placeOf(context: CallContext): CertificatePlace {
  if (!context.place) throw new BulkheadError('CERTIFICATE_REQUIRED');
  return context.place;
}

interface Caller extends Pick<CallContext, 'certificateAuthority' | 'peer'> {
  /** undefined where anyone may call. */
  readonly shown: ShownIdentity | undefined;
}

/** Who says that they call; nobody where anyone may. */
function identify(gate: CallGate, call: AnyCall): Caller {
  const access = RPC_ACCESS[call.getPath()];
  if (access === undefined) throw new BulkheadError('PERMISSION_DENIED');
  const peer = addressOf(call);
  if (access === 'anyone') return { shown: undefined, certificateAuthority: undefined, peer };
  const certificate = call.getAuthContext().sslPeerCertificate;
  const identity = identityFromSubjectAltName(gate.trustDomain, certificate?.subjectaltname);
  if (!identity || !certificate) throw new BulkheadError('CERTIFICATE_REQUIRED');
  const serial = certificate.serialNumber.toLowerCase();
  const certificateAuthority = authorityOf(gate, certificate.raw);
  return { shown: { identity, serial, address: peer }, certificateAuthority, peer };
}

/** Whether they may. @throws BulkheadError as NodeWatch.check */
async function enter(
  gate: CallGate,
  { shown, ...caller }: Caller,
): Promise<Omit<CallContext, 'log' | 'signal'>> {
  const place = shown && (await gate.watch.check(shown));
  return { ...caller, identity: shown?.identity, place };
}

/**
 * TLS has checked the certificate, when the connection began: since then its authority may have been
 * retired. Names and key ids tell which it was.
 */
function authorityOf({ keys }: CallGate, certificateDer: Buffer): string {
  const certificate = new X509Certificate(certificateDer);
  const authority = keys.current.trustedAuthorities.find((known) =>
    certificate.checkIssued(new X509Certificate(Buffer.from(known.rawData))),
  );
  if (!authority) throw new BulkheadError('CERTIFICATE_REQUIRED');
  return pinOf(authority);
}

/** Whatever came of a call that the peer gave up, it was that. */
function countCall(gate: CallGate, call: AnyCall, isGivenUp: boolean, code: grpc.status): void {
  const name = grpc.status[isGivenUp ? grpc.status.CANCELLED : code];
  gate.metrics.calls.inc({ method: methodOf(call), code: name });
}

/** Of the service's own few: a call of another one never comes here. */
function methodOf(call: AnyCall): string {
  return call.getPath().split('/').at(-1) ?? '';
}

/** `127.0.0.1:4711`, `[::1]:4711`. */
function addressOf(call: AnyCall): string {
  return call
    .getPeer()
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '');
}

function logOf(gate: CallGate, call: AnyCall): Logger {
  return gate.log.child({ method: call.getPath(), peer: call.getPeer() });
}
