import type { Attributes, BatchObservableCallback, Meter, MetricOptions } from '@opentelemetry/api';
import type { AcquireMessage, LeaseMessage, LockMessage, ResumeMessage } from '../core/diagnostics.ts';
import { Census } from './census.ts';
import type { Listeners } from './listeners.ts';

/** In seconds: from a free lock on a server nearby to a wait that somebody will complain of. */
const BOUNDARIES = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
];

/** What metrics say of a lock by its name; undefined for nothing. */
export type LabelOf = (name: string) => string | undefined;

/** Histograms of waits and holds, counters, and gauges of what is held and who waits. Returns how to end the gauges. */
export function measureWith(meter: Meter, labelOf: LabelOf, listeners: Listeners): () => void {
  const of = ({ name, engine }: Pick<LockMessage, 'name'> & { engine?: string }): Attributes => {
    const label = labelOf(name);
    return {
      ...(engine !== undefined && { 'batonlock.engine': engine }),
      ...(label !== undefined && { 'batonlock.label': label }),
    };
  };
  countEvents(meter, of, listeners);
  timeWaitsAndHolds(meter, of, listeners);
  return watchCensus(meter, of, listeners);
}

type AttributesOf = (message: Pick<LockMessage, 'name'> & { engine?: string }) => Attributes;

function countEvents(meter: Meter, of: AttributesOf, listeners: Listeners): void {
  const counter = (name: string, unit: string, description: string) =>
    meter.createCounter(`batonlock.${name}`, { unit, description });
  const grants = counter('grants', '{grant}', 'Leases granted');
  const timeouts = counter('timeouts', '{timeout}', 'Acquires that ended without the lock, by their timeout');
  const losses = counter('losses', '{lease}', 'Leases that ended without a release');
  const pokes = counter('pokes', '{poke}', 'Requests made again by somebody who waits');
  listeners.onEnd('acquire', (message) => {
    const { outcome, wake } = message;
    if (outcome === 'granted') grants.add(1, { ...of(message), ...wakeOf(wake) });
    if (outcome === 'timeout') timeouts.add(1, of(message));
  });
  listeners.onLost((message) => losses.add(1, { ...of(message), 'batonlock.reason': message.reason }));
  listeners.onPoke((message) => pokes.add(1, { ...of(message), 'batonlock.reason': message.reason }));
}

function timeWaitsAndHolds(meter: Meter, of: AttributesOf, listeners: Listeners): void {
  const histogram = (name: string, description: string) => {
    const options: MetricOptions = { unit: 's', description };
    return meter.createHistogram(`batonlock.${name}`, {
      ...options,
      advice: { explicitBucketBoundaries: BOUNDARIES },
    });
  };
  const waits = histogram('wait', 'From the call of an acquire until it was over');
  const holds = histogram('hold', 'From a grant until the release was called, or the loss was noticed');
  listeners.onEnd('acquire', (message) => {
    const { waited, outcome, wake } = message;
    if (waited === undefined || outcome === undefined) return;
    waits.record(waited / 1_000, { ...of(message), 'batonlock.outcome': outcome, ...wakeOf(wake) });
  });
  const hold = (message: LeaseMessage & { held: number | undefined }, end: string): void => {
    if (message.held === undefined) return;
    holds.record(message.held / 1_000, { ...of(message), 'batonlock.end': end });
  };
  listeners.onEnd('release', (message) => {
    // Those that were lost have been told of as such.
    if (message.outcome === 'done') hold(message, 'released');
  });
  listeners.onLost((message) => hold(message, 'lost'));
}

function watchCensus(meter: Meter, of: AttributesOf, listeners: Listeners): () => void {
  const census = new Census();
  listeners.onStart('acquire', (message) => {
    // A try does not wait.
    if (message.waitTimeout > 0) census.waits(message, of(message));
  });
  const holds = (message: AcquireMessage | ResumeMessage): void => {
    if (message.result) census.holds(message.result, of(message));
  };
  listeners.onEnd('acquire', (message) => {
    census.waitsNoMore(message);
    holds(message);
  });
  listeners.onEnd('resume', holds);

  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableGauge(`batonlock.${name}`, { unit, description });
  const held = gauge('held', '{lease}', 'Leases that are held now');
  const waiting = gauge('waiting', '{waiter}', 'Acquires that are waiting now');
  const observe: BatchObservableCallback = (result) => {
    for (const count of census.take()) {
      result.observe(held, count.held, count.attributes);
      result.observe(waiting, count.waiting, count.attributes);
    }
  };
  meter.addBatchObservableCallback(observe, [held, waiting]);
  return () => meter.removeBatchObservableCallback(observe, [held, waiting]);
}

function wakeOf(wake: AcquireMessage['wake']): Attributes {
  return wake ? { 'batonlock.wake': wake } : {};
}
