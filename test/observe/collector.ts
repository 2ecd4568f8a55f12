import { type Context, context, type Span, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

/** OpenTelemetry's SDK as an application has it, with what it exports at hand. */
export class Collector implements AsyncDisposable {
  readonly #spans = new InMemorySpanExporter();
  readonly #metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  // It exports when it is told to.
  readonly #reader = new PeriodicExportingMetricReader({
    exporter: this.#metrics,
    exportIntervalMillis: 3_600_000,
  });
  readonly tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(this.#spans)],
  });
  readonly meterProvider = new MeterProvider({ readers: [this.#reader] });

  constructor() {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  }

  /** Those that have ended, in this order. */
  get spans(): ReadableSpan[] {
    return this.#spans.getFinishedSpans();
  }

  named(name: string): ReadableSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  /** Runs work inside a span of the application. */
  async within<T>(name: string, work: (span: Span) => Promise<T>): Promise<T> {
    const span = this.tracerProvider.getTracer('app').startSpan(name);
    const inside: Context = trace.setSpan(context.active(), span);
    try {
      return await context.with(inside, () => work(span));
    } finally {
      span.end();
    }
  }

  /** The points of one instrument as it stands now, each with its attributes. */
  async points<T = number>(name: string): Promise<DataPoint<T>[]> {
    this.#metrics.reset();
    await this.meterProvider.forceFlush();
    const scopes = this.#metrics.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
    const found = scopes
      .flatMap(({ metrics }) => metrics)
      .find(({ descriptor }) => descriptor.name === `batonlock.${name}`);
    return (found?.dataPoints ?? []) as DataPoint<T>[];
  }

  /** Of a counter or a gauge. */
  async values(name: string): Promise<{ value: number; attributes: object }[]> {
    return (await this.points(name)).map(({ value, attributes }) => ({ value, attributes }));
  }

  async histograms(name: string): Promise<DataPoint<Histogram>[]> {
    return this.points<Histogram>(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    context.disable();
    await Promise.all([this.tracerProvider.shutdown(), this.meterProvider.shutdown()]);
  }
}
