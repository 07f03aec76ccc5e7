import { EXIT, Failure } from '../command.js';

/** What the API says of why it refuses (application/problem+json). */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly nextStep: string;
  readonly requestId: string;
  /** POLICY_INVALID: where in the document, and what. */
  readonly problems: readonly RefusedProblem[];
}

export interface RefusedProblem {
  readonly line: number;
  readonly column: number;
  readonly severity: string;
  readonly code: string;
  readonly message: string;
}

/** When a call may be repeated, and how it ended. */
interface Ending {
  /** HTTP; undefined: no answer. */
  readonly status?: number | undefined;
  /** What Retry-After says. */
  readonly retryAfterMs?: number | undefined;
}

/** The control plane refused. */
export class RefusedError extends Failure implements Ending {
  override readonly name = 'RefusedError';
  readonly status: number;

  constructor(
    readonly refusal: Refusal,
    readonly retryAfterMs?: number,
  ) {
    const { code, detail, nextStep, requestId, problems } = refusal;
    const next = code === 'UNAUTHENTICATED' ? 'log in with another key: bulkhead login' : nextStep;
    super(EXIT.refused, [
      `${code}: ${detail}`,
      ...problems.map(problemText),
      ...(next ? [`next: ${next}`] : []),
      ...(requestId ? [`request ${requestId}`] : []),
    ]);
    this.status = refusal.status;
  }
}

/** There was no answer, or none of a control plane. */
export class UnreachableError extends Failure implements Ending {
  override readonly name = 'UnreachableError';
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  /** Nobody listened: nothing of the request can have been done. */
  readonly refusedConnection: boolean;

  constructor(
    message: string,
    ending: Ending & { readonly cause?: unknown; readonly refusedConnection?: boolean } = {},
  ) {
    super(EXIT.unreachable, [message], { cause: ending.cause });
    this.status = ending.status;
    this.retryAfterMs = ending.retryAfterMs;
    this.refusedConnection = ending.refusedConnection ?? false;
  }
}

/** undefined: this is not how a control plane refuses. */
export function refusalFromJson(status: number, body: unknown): Refusal | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { code, detail, nextStep, requestId, problems } = body as Record<string, unknown>;
  if (typeof code !== 'string' || typeof detail !== 'string') return undefined;
  return {
    status,
    code,
    detail,
    nextStep: typeof nextStep === 'string' ? nextStep : '',
    requestId: typeof requestId === 'string' ? requestId : '',
    problems: Array.isArray(problems) ? problems.flatMap(problemFromJson) : [],
  };
}

function problemFromJson(value: unknown): RefusedProblem[] {
  if (typeof value !== 'object' || value === null) return [];
  const { line, column, severity, code, message } = value as Record<string, unknown>;
  if (typeof code !== 'string' || typeof message !== 'string') return [];
  const place = (at: unknown) => (typeof at === 'number' ? at : 1);
  return [{ line: place(line), column: place(column), severity: String(severity), code, message }];
}

function problemText({ line, column, severity, code, message }: RefusedProblem): string {
  return `${line}:${column}: ${severity} ${code}: ${message}`;
}
