import { expect, it } from 'vitest';
import { CounterExpiredError, LockClient } from '../../src/index.ts';
import { MemoryBackend } from '../../src/memory/backend.ts';
import { MemorySpace } from '../../src/memory/space.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

function world() {
  const clock = new ManualClock();
  const space = new MemorySpace(clock);
  const client = () => new LockClient(new MemoryBackend(clock, undefined, space));
  return { clock, client };
}

function recorded(promise: Promise<void>): string[] {
  const ends: string[] = [];
  promise.then(
    () => ends.push('reached'),
    (error: { code: string }) => ends.push(error.code),
  );
  return ends;
}

it('expires one TTL after the latest change, to the millisecond', async () => {
  const { clock, client } = world();
  const counter = client().counter('batch', { ttl: 1_000 });
  await counter.set(3);
  await clock.advance(999);
  expect(await counter.decrement()).toBe(2);
  await clock.advance(999);
  expect(await counter.get()).toBe(2);
  await clock.advance(1);
  expect(await counter.get()).toBe(-1);
  await expect(counter.decrement()).rejects.toThrow(CounterExpiredError);
  expect(clock.pending).toBe(0);
});

it('tells who waits when it expires, which changes put off, and bring forward', async () => {
  const { clock, client } = world();
  const [long, short] = [1_000, 100].map((ttl) => client().counter('batch', { ttl }));
  await long!.set(9);
  const wait = recorded(long!.wait());
  await clock.advance(900);
  await long!.decrement();
  await clock.advance(700);
  expect(wait).toEqual([]);
  await short!.decrement();
  await clock.advance(99);
  expect(wait).toEqual([]);
  await clock.advance(1);
  expect(wait).toEqual(['ERR_COUNTER_EXPIRED']);
  expect(clock.pending).toBe(0);
});

it('times out on the millisecond, and leaves no alarm behind however a wait ends', async () => {
  const { clock, client } = world();
  const own = client();
  const counter = own.counter('batch', { ttl: 10_000 });
  await counter.set(9);
  const abort = new AbortController();
  const aborted = recorded(counter.wait(5_000, { signal: abort.signal }));
  const timedOut = recorded(counter.wait(500));
  await clock.advance(499);
  expect(timedOut).toEqual([]);
  await clock.advance(1);
  expect(timedOut).toEqual(['ERR_LOCK_TIMEOUT']);
  abort.abort({ code: 'aborted' });
  await clock.advance(0);
  expect(aborted).toEqual(['aborted']);
  expect(clock.pending).toBe(0);
  const [reached, deleted] = [recorded(counter.wait(5_000)), recorded(counter.wait())];
  await counter.set(0);
  await clock.advance(0);
  expect([reached, deleted]).toEqual([['reached'], ['reached']]);
  await counter.set(1);
  const closed = recorded(counter.wait(5_000));
  await own.close();
  expect(closed).toEqual(['ERR_LOCK_CLOSED']);
  expect(clock.pending).toBe(0);
});

it('ends the waits of one backend when that is closed, and no others', async () => {
  const clock = new ManualClock();
  const space = new MemorySpace(clock);
  const [one, other] = [
    new MemoryBackend(clock, undefined, space),
    new MemoryBackend(clock, undefined, space),
  ];
  const [mine, theirs] = [one, other].map((backend) =>
    new LockClient(backend).counter('batch', { ttl: 1_000 }),
  );
  await mine!.set(1);
  const [ended, goesOn] = [recorded(mine!.wait()), recorded(theirs!.wait())];
  await one.close();
  await clock.advance(0);
  expect([ended, goesOn]).toEqual([['ERR_LOCK_CLOSED'], []]);
  await theirs!.decrement();
  await clock.advance(0);
  expect(goesOn).toEqual(['reached']);
});
