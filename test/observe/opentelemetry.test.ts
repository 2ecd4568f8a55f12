import { hasSubscribers } from 'node:diagnostics_channel';
import { DiagLogLevel, diag, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Lock, LockArgumentError, LockClient, memoryBackend } from '../../src/index.ts';
import { startTelemetry, type TelemetryOptions } from '../../src/observe/opentelemetry.ts';
import { type TestKit, testKit } from '../../src/testing/kit.ts';
import { until } from '../support/wait.ts';
import { Collector } from './collector.ts';
import { CHANNELS, Recorder } from './recorder.ts';

const TTL = 10_000;
const NAME = 'orders/42';

let kit: TestKit;
let client: LockClient;
let collector: Collector;
let stop: () => void;

function start(options: TelemetryOptions = {}): () => void {
  const { tracerProvider, meterProvider } = collector;
  return startTelemetry({ tracerProvider, meterProvider, ...options });
}

beforeEach(() => {
  kit = testKit();
  client = kit.client();
  collector = new Collector();
  stop = start();
});

afterEach(async () => {
  stop();
  await kit.close();
  await collector[Symbol.asyncDispose]();
});

/** Somebody waits for `ms` and is then handed the lock, which is still held then. */
async function waitFor(ms: number): Promise<Lock> {
  const lock = await client.creator(NAME).acquire(TTL);
  const waiting = client.creator(NAME).acquire(TTL);
  await kit.clock.advance(ms);
  await lock.release();
  return waiting;
}

describe('the spans', () => {
  it('tell name, wait, outcome, and what told of the grant', async () => {
    await waitFor(2_000);
    const [first, second] = collector.named('batonlock.acquire');
    const request = {
      'batonlock.name': NAME,
      'batonlock.engine': 'memory',
      'batonlock.units': 1,
      'batonlock.capacity': 1,
      'batonlock.ttl_ms': TTL,
      'batonlock.outcome': 'granted',
      'batonlock.owner': expect.stringContaining('client-1.'),
      'batonlock.fencing_token': expect.any(Number),
    };
    expect(first?.attributes).toEqual({ ...request, 'batonlock.wake': 'reply', 'batonlock.wait_ms': 0 });
    expect(second?.attributes).toEqual({
      ...request,
      'batonlock.wake': 'handoff',
      'batonlock.wait_ms': 2_000,
    });
    expect(second).toMatchObject({ kind: SpanKind.CLIENT, status: { code: SpanStatusCode.UNSET } });
    const [release] = collector.named('batonlock.release');
    expect(release?.attributes).toEqual({
      'batonlock.name': NAME,
      'batonlock.engine': 'memory',
      'batonlock.units': 1,
      'batonlock.owner': first?.attributes['batonlock.owner'],
      'batonlock.fencing_token': first?.attributes['batonlock.fencing_token'],
      'batonlock.held_ms': 2_000,
      'batonlock.outcome': 'done',
    });
  });

  it('are children of the span in which the caller was, also those of an auto refresh', async () => {
    // By the clock of the machine: timers have the context in which they were set.
    const locks = new LockClient(memoryBackend());
    const creator = locks.creator(NAME);
    const ids = await collector.within('checkout', async (span) => {
      const refreshed = () => collector.named('batonlock.refresh').length === 1;
      await creator.using(1_500, 1_000, () => until(refreshed, { what: 'a refresh' }));
      await creator.tryAcquire(TTL, { retries: 1 });
      return span.spanContext();
    });
    const ours = collector.spans.filter(({ name }) => name.startsWith('batonlock.'));
    const names = ['acquire', 'refresh', 'release', 'acquire'].map((name) => `batonlock.${name}`);
    expect(ours.map(({ name }) => name)).toEqual(names);
    for (const { parentSpanContext } of ours) {
      expect(parentSpanContext).toMatchObject({ spanId: ids.spanId, traceId: ids.traceId });
    }
    // Without a span around them they are roots.
    await locks.creator('other').acquire(TTL);
    expect(collector.spans.at(-1)?.parentSpanContext).toBeUndefined();
    await locks.close();
  });

  it('tell failures from answers', async () => {
    const held = await kit.occupy(NAME);
    const creator = client.creator(NAME);
    expect(await creator.tryAcquire(TTL)).toBeNull();
    const timeout = creator.acquire(TTL, 500);
    timeout.catch(() => {});
    const abort = new AbortController();
    const aborted = creator.acquire(TTL, TTL, { signal: abort.signal });
    abort.abort();
    await expect(aborted).rejects.toThrow('abort');
    await kit.clock.advance(500);
    await expect(timeout).rejects.toThrow('500');
    const fault = kit.fail('denied');
    await expect(creator.acquire(TTL)).rejects.toMatchObject({ reason: 'denied' });
    fault();
    await held.release();
    const lock = await creator.acquire(TTL);
    await kit.lose(lock);
    await expect(lock.release()).rejects.toMatchObject({ reason: 'expired' });
    const told = collector.spans.map(({ name, attributes, status }) => ({
      what: `${name.slice('batonlock.'.length)} ${attributes['batonlock.outcome']}`,
      failed: status.code === SpanStatusCode.ERROR,
      type: attributes['error.type'],
    }));
    expect(told.filter(({ what }) => what !== 'acquire granted' && what !== 'release done')).toEqual([
      { what: 'acquire refused', failed: false, type: undefined },
      { what: 'acquire aborted', failed: false, type: undefined },
      { what: 'acquire timeout', failed: true, type: 'ERR_LOCK_TIMEOUT' },
      { what: 'acquire failed', failed: true, type: 'ERR_LOCK_BACKEND' },
      { what: 'release lost', failed: true, type: 'ERR_LOCK_LOST' },
    ]);
    const [timedOut] = collector.named('batonlock.acquire').filter(({ status }) => status.message);
    expect(timedOut?.attributes['batonlock.wait_timeout_ms']).toBe(500);
    expect(timedOut?.status.message).toContain(NAME);
  });
});

describe('the metrics', () => {
  it('count grants, timeouts, losses and pokes', async () => {
    await waitFor(10);
    await expect(client.creator(NAME).acquire(TTL, 0)).rejects.toThrow('within 0');
    const lock = await client.creator('lost').acquire(TTL);
    await kit.lose(lock, 'forced');
    const dead = kit.client().creator('dead');
    await dead.acquire(100);
    const waiting = client.creator('dead').acquire(TTL);
    await kit.clock.advance(200);
    await waiting;
    const memory = { 'batonlock.engine': 'memory' };
    expect(await collector.values('grants')).toEqual([
      { value: 3, attributes: { ...memory, 'batonlock.wake': 'reply' } },
      { value: 1, attributes: { ...memory, 'batonlock.wake': 'handoff' } },
      { value: 1, attributes: { ...memory, 'batonlock.wake': 'poke' } },
    ]);
    expect(await collector.values('timeouts')).toEqual([{ value: 1, attributes: memory }]);
    expect(await collector.values('losses')).toContainEqual({
      value: 1,
      attributes: { ...memory, 'batonlock.reason': 'forced' },
    });
    expect(await collector.values('pokes')).toEqual([
      { value: 1, attributes: { 'batonlock.reason': 'due' } },
    ]);
  });

  it('have the times of waits and holds in seconds', async () => {
    await waitFor(2_000);
    const lost = await client.creator('lost').acquire(TTL);
    await kit.clock.advance(500);
    await kit.lose(lost, 'taken');
    await expect(lost.release()).rejects.toMatchObject({ reason: 'taken' });
    const waits = await collector.histograms('wait');
    const handed = waits.find(({ attributes }) => attributes['batonlock.wake'] === 'handoff');
    expect(handed?.attributes).toMatchObject({ 'batonlock.outcome': 'granted' });
    expect(handed?.value).toMatchObject({ count: 1, sum: 2, max: 2 });
    expect(handed?.value.buckets.boundaries).toContain(0.001);
    const holds = await collector.histograms('hold');
    expect(
      holds.map(({ value, attributes }) => [attributes['batonlock.end'], value.count, value.sum]),
    ).toEqual([
      ['released', 1, 2],
      ['lost', 1, 0.5],
    ]);
  });

  it('tell what is held and who waits now, and 0 when nobody does', async () => {
    const creator = client.creator(NAME);
    const counts = async () => {
      const [held] = await collector.values('held');
      const [waiting] = await collector.values('waiting');
      return [held?.value, waiting?.value];
    };
    const lock = await creator.acquire(TTL);
    const waits = [creator.acquire(TTL), creator.acquire(TTL, 1_000)];
    waits[1]?.catch(() => {});
    expect(await counts()).toEqual([1, 2]);
    await kit.clock.advance(1_000);
    expect(await counts()).toEqual([1, 1]);
    await lock.release();
    await waits[0];
    expect(await counts()).toEqual([1, 0]);
    // Nobody looks at this one: it is found to be over when it is counted.
    await kit.clock.advance(TTL);
    expect(await counts()).toEqual([0, 0]);
    expect(await collector.values('losses')).toMatchObject([{ value: 1 }]);
  });

  it('count a lease where it goes on', async () => {
    const lock = await client.creator(NAME).acquire(TTL);
    const json = lock.toJSON();
    expect(await collector.values('held')).toMatchObject([{ value: 0 }]);
    await kit.client().resume(json);
    expect(await collector.values('held')).toMatchObject([{ value: 1 }]);
    expect(await collector.values('grants')).toMatchObject([{ value: 1 }]);
    expect(collector.named('batonlock.resume')).toHaveLength(1);
  });

  it('find leases that ran out without being asked, lest they add up', async () => {
    using heard = new Recorder();
    // Of several clients, none of which has so many that it looks by itself.
    const clients = [kit.client(), kit.client()];
    for (let index = 0; index < 1_100; index += 1) {
      await clients[index % 2]?.creator(`left/${index}`).acquire(10);
      if (index === 1_000) await kit.clock.advance(10);
    }
    // Most have been looked at by now, although nobody has asked for the gauges.
    expect(heard.losses.length).toBeGreaterThanOrEqual(1_000);
  });

  it('name no locks, but the label that one makes of a name', async () => {
    await (await waitFor(1)).release();
    expect(JSON.stringify(await collector.values('grants'))).not.toContain(NAME);
    stop();
    stop = start({ lockLabel: (name) => (name.includes('/') ? name.split('/')[0] : undefined) });
    await waitFor(1);
    const labelled = { attributes: { 'batonlock.label': 'orders' } };
    for (const name of ['grants', 'held', 'waiting']) {
      expect((await collector.values(name)).at(-1)).toMatchObject(labelled);
    }
    expect((await collector.histograms('wait')).at(-1)).toMatchObject(labelled);
  });

  it('go on when the labels of the application fail, which is told', async () => {
    const told: unknown[] = [];
    const note = (message: string, error: unknown) => void told.push([message, error]);
    const silent = () => {};
    diag.setLogger(
      { error: note, warn: silent, info: silent, debug: silent, verbose: silent },
      { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true },
    );
    stop();
    const mistake = new Error('mistake');
    stop = start({
      lockLabel: () => {
        throw mistake;
      },
    });
    await waitFor(1);
    diag.disable();
    expect(told[0]).toEqual([expect.stringContaining('lockLabel'), mistake]);
    expect((await collector.values('grants')).length).toBeGreaterThan(0);
  });
});

describe('when it is stopped', () => {
  it('nothing is subscribed, observed or reported any more', async () => {
    expect(CHANNELS.filter((channel) => hasSubscribers(channel)).length).toBeGreaterThan(5);
    const lock = await client.creator(NAME).acquire(TTL);
    const waiting = client.creator(NAME).acquire(TTL);
    stop();
    stop();
    expect(CHANNELS.filter((channel) => hasSubscribers(channel))).toEqual([]);
    const { length } = collector.spans;
    await lock.release();
    await waiting;
    expect(collector.spans).toHaveLength(length);
    expect(await collector.values('held')).toEqual([]);
    expect(await collector.values('grants')).toMatchObject([{ value: 1 }]);
  });

  it('others who listen go on', async () => {
    const other = new Collector();
    const stopOther = start({ tracerProvider: other.tracerProvider, meterProvider: other.meterProvider });
    stop();
    await client.creator(NAME).acquire(TTL);
    expect(collector.spans).toHaveLength(0);
    expect(other.spans).toHaveLength(1);
    stopOther();
    await other[Symbol.asyncDispose]();
  });
});

it.each([
  ['tracerProvider', {}],
  ['meterProvider', 7],
  ['lockLabel', 'orders'],
])('%s has to be what it is said to be', (argument, value) => {
  const wrong = () => startTelemetry({ [argument]: value });
  expect(wrong).toThrow(LockArgumentError);
  expect(wrong).toThrow(argument);
  stop();
  expect(CHANNELS.filter((channel) => hasSubscribers(channel))).toEqual([]);
});
