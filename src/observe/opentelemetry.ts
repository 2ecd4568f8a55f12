import { diag, type MeterProvider, metrics, type TracerProvider, trace } from '@opentelemetry/api';
import { checkFunction, checkOptions, hasMethods } from '../core/arguments.ts';
import { LockArgumentError } from '../errors.ts';
import { Listeners } from './listeners.ts';
import { type LabelOf, measureWith } from './metrics.ts';
import { traceWith } from './spans.ts';

/** Options of `startTelemetry`. */
export interface TelemetryOptions {
  /** Who makes the spans; the global provider by default. */
  tracerProvider?: TracerProvider;
  /** Who makes the instruments of the metrics; by default the provider that is the global one now. */
  meterProvider?: MeterProvider;
  /**
   * What the metrics say of a lock, by its name, as `batonlock.label`: something with few values, such as the group. By
   * default, and for undefined, nothing: a series for each lock is more than most stores can take.
   */
  lockLabel?: (name: string) => string | undefined;
}

const SCOPE = 'batonlock';

/**
 * Reports what all locks of this process do to OpenTelemetry: a span for each acquire, release, refresh and resumption,
 * histograms, counters and gauges. To be called once, after the providers have been set up. Returns how to stop: from then on
 * nothing is subscribed any more, and what is under way goes unreported. Throws `LockArgumentError`.
 */
export function startTelemetry(options?: TelemetryOptions): () => void {
  const given = checkOptions(options, ['tracerProvider', 'meterProvider', 'lockLabel']);
  const { tracerProvider = trace.getTracerProvider(), meterProvider = metrics.getMeterProvider() } = given;
  checkProvider(tracerProvider, 'getTracer', 'tracerProvider');
  checkProvider(meterProvider, 'getMeter', 'meterProvider');
  const { lockLabel } = given;
  if (lockLabel !== undefined) checkFunction(lockLabel, 'lockLabel');
  const listeners = new Listeners();
  traceWith(tracerProvider.getTracer(SCOPE), listeners);
  const endGauges = measureWith(meterProvider.getMeter(SCOPE), labelsBy(lockLabel), listeners);
  return () => {
    listeners.stop();
    endGauges();
  };
}

/** A mistake in somebody's labels must not reach the locks, nor end the process. */
function labelsBy(lockLabel: LabelOf | undefined): LabelOf {
  if (!lockLabel) return () => undefined;
  return (name) => {
    try {
      return lockLabel(name);
    } catch (error) {
      diag.error('batonlock: lockLabel has thrown', error);
      return undefined;
    }
  };
}

function checkProvider(provider: unknown, method: string, argument: string): void {
  if (!hasMethods(provider, [method])) {
    throw new LockArgumentError(argument, provider, `an object with the method ${method}`);
  }
}
