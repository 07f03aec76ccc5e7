import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { BulkheadError, ERROR_CODES, type ErrorCode } from '../../proto/ts/wire/errors.js';
import { retryAfterSeconds } from '../domain/rates.js';
import { sendProblemPage, wantsPage } from './auth-pages.js';

/** RFC 9457. `type` is a URN, since there is one meaning of a code and no page of its own for it. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly nextStep: string;
  readonly requestId: string;
  /** POLICY_INVALID: every problem of the document. */
  readonly problems?: unknown;
}

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

/** The one translator of this edge: code and text go to the caller, the cause to the log. */
export function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const known = normalise(error);
  logRefusal(known, error, request);
  if (known.code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer realm="bulkhead"');
  const seconds = known.code === 'UNAVAILABLE' ? 5 : retryAfterSeconds(known);
  if (seconds !== undefined) reply.header('retry-after', String(seconds));
  const body = problemBody(known, request.id);
  if (wantsPage(request)) return sendProblemPage(reply, body);
  return reply.code(body.status).type(PROBLEM_CONTENT_TYPE).send(JSON.stringify(body));
}

/** What node could not read as HTTP never becomes a request: answered on the socket. */
export function answerMalformed(error: { readonly code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const code: ErrorCode = tooLarge ? 'PAYLOAD_TOO_LARGE' : 'INVALID_ARGUMENT';
  const body = problemBody(new BulkheadError(code, 'the request is not HTTP'), randomUUID());
  const text = JSON.stringify(body);
  socket.end(
    [
      `HTTP/1.1 ${body.status} ${tooLarge ? 'Content Too Large' : 'Bad Request'}`,
      `content-type: ${PROBLEM_CONTENT_TYPE}`,
      `content-length: ${Buffer.byteLength(text)}`,
      'connection: close',
      '',
      text,
    ].join('\r\n'),
  );
}

/** What a log line says of a request: the route, not the path with what the caller put into it. */
export function requestFields(request: FastifyRequest) {
  const { method, caller } = request;
  return {
    method,
    route: request.routeOptions?.url,
    ...(caller && 'tenantId' in caller && { tenantId: caller.tenantId }),
    ...(caller && { caller: `${caller.kind}:${caller.id}` }),
  };
}

export function problemBody(error: BulkheadError, requestId: string): ProblemBody {
  const { http, meaning, nextStep } = ERROR_CODES[error.code];
  const { problems } = error.details;
  return {
    type: `urn:bulkhead:error:${error.code}`,
    title: meaning,
    status: http,
    code: error.code,
    detail: error.code === 'INTERNAL' ? meaning : error.message,
    nextStep,
    requestId,
    ...(problems !== undefined && { problems }),
  };
}

/** Foreign errors become ours here; what is not known to be harmless is INTERNAL. */
function normalise(error: unknown): BulkheadError {
  if (error instanceof BulkheadError) return error;
  if (!isFastifyError(error)) return new BulkheadError('INTERNAL', undefined, { cause: error });
  // Ajv's text names the place and the rule, never the value.
  if (error.validation) return new BulkheadError('INVALID_ARGUMENT', error.message);
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new BulkheadError('PAYLOAD_TOO_LARGE');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new BulkheadError('INVALID_ARGUMENT', 'this content type is not taken here');
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new BulkheadError('INVALID_ARGUMENT', 'the body is not JSON');
    default:
  }
  // A body that ends early, a wrong content length, a malformed URL: the caller's doing.
  const status = error.statusCode ?? 500;
  return status >= 400 && status < 500
    ? // Its text repeats the URL, in which a caller may have put a secret.
      new BulkheadError('INVALID_ARGUMENT', 'the request is malformed', { cause: error.code })
    : new BulkheadError('INTERNAL', undefined, { cause: error });
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

function logRefusal(known: BulkheadError, error: unknown, request: FastifyRequest): void {
  const { reason: login } = known.details;
  const fields = {
    ...requestFields(request),
    code: known.code,
    ...(login !== undefined && { login }),
  };
  if (ERROR_CODES[known.code].http >= 500) {
    request.log.error({ ...fields, err: known.cause ?? error }, 'call failed');
  } else {
    request.log.info({ ...fields, reason: known.message, err: known.cause }, 'call refused');
  }
}
