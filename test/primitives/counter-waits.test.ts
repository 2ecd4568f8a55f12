import { describe, expect, it } from 'vitest';
import { type Counter, CounterExpiredError } from '../../src/index.ts';
import { until } from '../support/wait.ts';
import { FaultStage, KEY, outcome, TTL } from './fault-stage.ts';

const stage = new FaultStage();
/** Later than any clock reads today, in µs. */
const LATE_US = '9000000000000000';
/** How many scripts the server has run. */
const runs = async () =>
  Number(/cmdstat_evalsha:calls=(\d+)/.exec(await stage.redis.info('commandstats'))?.[1]);

describe('who waits', () => {
  it('is released by a 0 of which the message was lost with the connection', async () => {
    const one = stage.counter();
    await one.set(1);
    const waits = Array.from({ length: 20 }, () => outcome(one.wait()));
    await stage.listening();
    await one.get();
    stage.messages.refuse();
    stage.messages.cut();
    await stage.sibling().decrement();
    stage.messages.accept();
    expect(new Set(await Promise.all(waits))).toEqual(new Set(['reached']));
  });

  it('is not released by a message of before', async () => {
    const one = stage.counter();
    await one.set(1);
    const first = outcome(one.wait());
    await stage.listening();
    await one.get();
    // Held back on its way: the 0 is told when the counter has been set anew.
    stage.messages.stallReplies();
    await stage.sibling().decrement();
    await stage.sibling().set(1);
    const abort = new AbortController();
    const second = outcome(one.wait(20_000, { signal: abort.signal }));
    // The look at the counter is under way before these are.
    for (let round = 0; round < 3; round++) await one.get();
    stage.messages.flow();
    expect(await first).toBe('reached');
    for (let round = 0; round < 3; round++) await one.get();
    abort.abort('still waiting');
    expect(await second).toBe('still waiting');
  });

  it.each([
    ['set anew', (counter: Counter) => counter.set(1)],
    ['deleted', (counter: Counter) => counter.delete()],
  ])(
    'is released by a 0 that is told before the answer to its first look, also when it is %s',
    async (_, after) => {
      const one = stage.counter();
      await one.set(1);
      stage.commands.stallReplies();
      const before = await runs();
      const waiting = outcome(one.wait());
      await until(async () => (await runs()) > before, { what: 'the look' });
      await stage.sibling().decrement();
      await after(stage.sibling());
      // So that the messages are here before the answer.
      for (let round = 0; round < 10; round++) await stage.sibling().get();
      stage.commands.flow();
      expect(await waiting).toBe('reached');
    },
  );

  it('is not released by a message of before its look, though the clock was set back since', async () => {
    const one = stage.counter();
    await one.set(1);
    const first = outcome(one.wait());
    await stage.listening();
    for (let round = 0; round < 3; round++) await one.get();
    const abort = new AbortController();
    stage.commands.stallReplies();
    const before = await runs();
    const second = outcome(one.wait());
    await until(async () => (await runs()) > before, { what: 'the look for the second' });
    const third = outcome(one.wait(20_000, { signal: abort.signal }));
    await stage.redis.spublish(`${KEY}:events`, `${LATE_US} 0`);
    expect(await first).toBe('reached');
    stage.commands.flow();
    expect(await second).toBe('reached');
    for (let round = 0; round < 3; round++) await one.get();
    abort.abort('still waiting');
    expect(await third).toBe('still waiting');
  });

  it('looks no more than once at a time, and ends the subscription with the last who waits', async () => {
    const one = stage.counter();
    await one.set(1);
    const [stays, leaves] = [new AbortController(), new AbortController()];
    const waits = [outcome(one.wait(20_000, { signal: stays.signal }))];
    await stage.listening();
    for (let round = 0; round < 3; round++) await one.get();
    stage.commands.stallReplies();
    const before = await runs();
    for (let turn = 0; turn < 20; turn++) {
      waits.push(outcome(one.wait(20_000, { signal: leaves.signal })));
      await new Promise(setImmediate);
    }
    stage.commands.flow();
    waits.push(outcome(one.wait(50)));
    leaves.abort('left');
    // On a busy machine it may not have been looked for it by then.
    expect(await waits.at(-1)).toMatchObject({ code: expect.stringMatching(/^ERR_LOCK_(TIMEOUT|BACKEND)$/) });
    expect((await runs()) - before).toBeLessThanOrEqual(2);
    expect(await stage.listeners()).toBe(1);
    stays.abort('left');
    await until(async () => (await stage.listeners()) === 0, { what: 'the end of the subscription' });
    expect(new Set((await Promise.all(waits)).slice(0, -1))).toEqual(new Set(['left']));
  });

  it('looks again when a message is older than what it knows: the clock may have been set back', async () => {
    const one = stage.counter();
    await one.set(1);
    const waiting = outcome(one.wait());
    await stage.listening();
    for (let round = 0; round < 3; round++) await one.get();
    await stage.redis.set(KEY, '0', 'PX', TTL);
    await stage.redis.spublish(`${KEY}:events`, '1000 0');
    expect(await waiting).toBe('reached');
  });

  it.each([
    ['at the end of the TTL', 400, 30_000],
    ['by the safety net', TTL, 300],
  ])('learns of a server that has lost its data: %s', async (_, ttl, safetyNet) => {
    const one = stage.counter({ safetyNet }, ttl);
    await one.set(5);
    const waiting = outcome(one.wait());
    await stage.listening();
    await one.get();
    await stage.redis.flushall();
    expect(await waiting).toBeInstanceOf(CounterExpiredError);
    await until(async () => ((await stage.redis.pubsub('SHARDCHANNELS')) as string[]).length === 0, {
      what: 'the end of the subscription',
    });
  });

  it('waits on for a server that cannot be reached yet', async () => {
    stage.commands.refuse();
    stage.messages.refuse();
    const one = stage.counter();
    const waiting = outcome(one.wait());
    await stage.sibling().set(1);
    stage.commands.accept();
    stage.messages.accept();
    await stage.listening();
    await stage.sibling().decrement();
    expect(await waiting).toBe('reached');
  });
});

it('counts on while the server forgets its scripts', async () => {
  const one = stage.counter();
  await one.set(100);
  let busy = true;
  const flushing = (async () => {
    while (busy) await stage.redis.script('FLUSH');
  })();
  const waiting = outcome(one.wait());
  for (let left = 99; left >= 0; left--) expect(await one.decrement()).toBe(left);
  expect(await waiting).toBe('reached');
  busy = false;
  await flushing;
});
