import { DiagLogLevel, diag } from '@opentelemetry/api';

export interface TracingOptions {
  /** Of an OpenTelemetry collector: http://collector:4318 */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The share of traces that is kept, where whoever asks has not decided it. 0 to 1. */
  readonly ratio: number;
  readonly serviceName: string;
  /** Of this process. */
  readonly instanceId: string;
  /** What went wrong with sending them. */
  readonly onProblem: (message: string) => void;
}

export interface Tracing {
  /** Sends what is left, for a few seconds at most. */
  close(): Promise<void>;
}

const EXPORT_LIMIT_MS = 5_000;

/**
 * Sends spans to a collector in batches, as OTLP over HTTP. The provider of a process is a global of
 * OpenTelemetry's interface, so that this is called once, by the composition root. Loaded only where a
 * collector is named: it costs a start some 100 ms and 17 MiB.
 */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const [{ OTLPTraceExporter }, sdk, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/exporter-trace-otlp-proto'),
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/resources'),
  ]);
  const exporter = new OTLPTraceExporter({
    url: `${options.endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers: { ...options.headers },
    timeoutMillis: EXPORT_LIMIT_MS,
  });
  const provider = new sdk.NodeTracerProvider({
    resource: resourceFromAttributes({
      'service.name': options.serviceName,
      'service.instance.id': options.instanceId,
    }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(options.ratio) }),
    spanProcessors: [
      new sdk.BatchSpanProcessor(exporter, { exportTimeoutMillis: EXPORT_LIMIT_MS }),
    ],
  });
  provider.register();
  const quiet = () => {};
  const { onProblem } = options;
  diag.setLogger(
    { error: onProblem, warn: onProblem, info: quiet, debug: quiet, verbose: quiet },
    DiagLogLevel.WARN,
  );
  return {
    close: () =>
      provider.shutdown().catch((error: unknown) => {
        onProblem(error instanceof Error ? error.message : 'the last spans are lost');
      }),
  };
}
