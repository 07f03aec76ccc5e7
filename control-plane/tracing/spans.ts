import {
  type Attributes,
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

/*
 * Where no collector is named, all of this does nothing: the interface's own provider makes spans that
 * record nothing. What a span says is what a log line may say: never a key, a path with ids, or a
 * parameter of a statement.
 */

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL };

export interface SpanOptions {
  readonly kind: keyof typeof KINDS;
  readonly attributes?: Attributes;
}

const tracer = () => trace.getTracer('bulkhead');

/** Runs `fn` inside of a span, which ends with it and fails with it. */
export function inSpan<T>(name: string, options: SpanOptions, fn: () => Promise<T>): Promise<T> {
  return tracer().startActiveSpan(name, spanOptions(options), (span) => endWith(span, fn()));
}

/** The same where a span is open already; alone it would be one of thousands that tell nothing. */
export function inChildSpan<T>(
  name: string,
  options: SpanOptions,
  fn: () => Promise<T>,
): Promise<T> {
  return trace.getActiveSpan() ? inSpan(name, options, fn) : fn();
}

export interface ServerSpan {
  readonly span: Span;
  /** Whatever `fn` begins is below the span. */
  run<T>(fn: () => T): T;
}

/** A request that comes in: goes on with the trace of its headers (W3C Trace Context). The caller ends it. */
export function startServerSpan(
  name: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): ServerSpan {
  const parent = propagation.extract(context.active(), headers);
  const span = tracer().startSpan(name, spanOptions({ kind: 'server' }), parent);
  const inside = trace.setSpan(parent, span);
  return { span, run: (fn) => context.with(inside, fn) };
}

/** The reason of a failure is a code of ours; what a foreign error says stays in the log. */
export function failSpan(span: Span, code: string): void {
  span.setAttribute('error.type', code);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

async function endWith<T>(span: Span, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    failSpan(span, codeOf(error));
    throw error;
  } finally {
    span.end();
  }
}

function codeOf(error: unknown): string {
  const hasCode = typeof error === 'object' && error !== null && 'code' in error;
  return hasCode && typeof error.code === 'string' ? error.code : '_OTHER';
}

function spanOptions({ kind, attributes = {} }: SpanOptions) {
  return { kind: KINDS[kind], attributes };
}
