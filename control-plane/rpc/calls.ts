import * as grpc from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { BulkheadError } from '../../proto/ts/wire/errors.js';
import type { NodeIdentity } from '../domain/certificates.js';
import type { KeySource } from '../domain/keyring.js';
import type { CertificatePlace } from '../domain/node-certificates.js';
import type { RpcMetrics } from '../metrics/rpc.js';
import { inSpan } from '../tracing/spans.js';
import { type AnyCall, type Caller, identify } from './caller.js';
import { statusFromError } from './errors.js';
import type { NodeWatch } from './node-watch.js';

/** What every handler gets besides its message. */
export interface CallContext extends Pick<Caller, 'certificateAuthority' | 'peer'> {
  /** undefined only where the access table says `anyone`. */
  readonly identity: NodeIdentity | undefined;
  /** Which of the node's certificates the call came with; undefined as the identity is. */
  readonly place: CertificatePlace | undefined;
  readonly log: Logger;
  /** Aborts when the call ends, for whatever reason. */
  readonly signal: AbortSignal;
}

/** What the handler of a stream gets. */
export interface StreamContext extends CallContext {
  readonly hasEnded: boolean;
  /** Called when it has; one listener. */
  onEnd: () => void;
  /** Ends the stream with what went wrong, unless it has ended. */
  fail(error: unknown): void;
}

export interface CallGate {
  readonly log: Logger;
  readonly metrics: Pick<RpcMetrics, 'calls' | 'openStreams'>;
  readonly trustDomain: string;
  readonly keys: KeySource;
  readonly watch: Pick<NodeWatch, 'check' | 'enter'>;
}

const RPC = { 'rpc.system': 'grpc' };

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
      const { shown, ...caller } = identify(gate, call);
      const place = shown && (await gate.watch.check(shown));
      const { signal } = ended;
      return handle(call.request, { ...caller, identity: shown?.identity, place, log, signal });
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
  handle: (call: BidiCall<Request, Response>, context: StreamContext) => Promise<void>,
): grpc.handleBidiStreamingCall<Request, Response> {
  return async (call) => {
    const labels = { method: methodOf(call) };
    gate.metrics.openStreams.inc(labels);
    const stream = new OpenStream(gate, call);
    try {
      await stream.admit();
      await handle(call, stream);
      stream.succeed();
    } catch (error) {
      stream.fail(error);
    } finally {
      stream.leave();
      gate.metrics.openStreams.dec(labels);
    }
  };
}

/**
 * One open stream, of which a replica has tens of thousands that wait: what only few of them need is
 * made when it is asked for.
 */
class OpenStream implements StreamContext {
  identity: NodeIdentity | undefined;
  place: CertificatePlace | undefined;
  certificateAuthority: string | undefined;
  peer = '';
  onEnd = () => {};
  #hasEnded = false;
  #isCounted = false;
  #ended: AbortController | undefined;
  #leaveWatch: (() => void) | undefined;

  constructor(
    private readonly gate: CallGate,
    private readonly call: AnyCall & Pick<BidiCall<unknown, unknown>, 'on' | 'emit' | 'end'>,
  ) {
    const gone = () => this.#gone();
    call.on('cancelled', gone);
    call.on('close', gone);
    call.on('error', (error: Error) => {
      this.log.debug({ err: error }, 'stream broke');
      gone();
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get log(): Logger {
    return logOf(this.gate, this.call);
  }

  get signal(): AbortSignal {
    if (this.#hasEnded) return AbortSignal.abort();
    this.#ended ??= new AbortController();
    return this.#ended.signal;
  }

  /** @throws BulkheadError as identify and NodeWatch.check */
  async admit(): Promise<void> {
    const { shown, certificateAuthority, peer } = identify(this.gate, this.call);
    this.certificateAuthority = certificateAuthority;
    this.peer = peer;
    if (!shown) return;
    this.identity = shown.identity;
    this.#leaveWatch = this.gate.watch.enter(shown, (error) => this.fail(error));
    this.place = await this.gate.watch.check(shown);
  }

  succeed(): void {
    this.#count(grpc.status.OK);
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.call.end();
    this.#ended?.abort();
  }

  fail(error: unknown): void {
    if (this.#hasEnded) {
      this.#count(grpc.status.CANCELLED);
      return;
    }
    const status = statusFromError(error, this.log);
    this.#count(status.code);
    this.#gone();
    this.call.emit('error', status);
  }

  leave(): void {
    this.#leaveWatch?.();
  }

  #gone(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#ended?.abort();
    this.onEnd();
  }

  /** Once: what comes after the first end is about that one. */
  #count(code: grpc.status): void {
    if (this.#isCounted) return;
    this.#isCounted = true;
    countCall(this.gate, this.call, this.#hasEnded, code);
  }
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

/** Whatever came of a call that the peer gave up, it was that. */
function countCall(gate: CallGate, call: AnyCall, isGivenUp: boolean, code: grpc.status): void {
  const name = grpc.status[isGivenUp ? grpc.status.CANCELLED : code];
  gate.metrics.calls.inc({ method: methodOf(call), code: name });
}

/** Of the service's own few: a call of another one never comes here. */
function methodOf(call: AnyCall): string {
  return call.getPath().split('/').at(-1) ?? '';
}

function logOf(gate: CallGate, call: AnyCall): Logger {
  return gate.log.child({ method: call.getPath(), peer: call.getPeer() });
}
