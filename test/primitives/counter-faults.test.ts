import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { LockBackendError, LockClient, LockClosedError, LockTimeoutError } from '../../src/index.ts';
import { scripts } from '../support/scripts.ts';
import { timely, until } from '../support/wait.ts';
import { FaultStage, KEY, NAME, outcome, TTL } from './fault-stage.ts';

const SHA = scripts.count.sha;
const stage = new FaultStage();

describe('a reply is lost after the server has counted, and the request is sent again', () => {
  it.each([
    ['increment', 8, 8],
    ['decrement', 4, 4],
    ['set', 'reached', 6],
    ['delete', true, -1],
  ] as const)('%s counts once', async (kind, answer, value) => {
    const one = stage.counter();
    await one.set(6);
    const swallowed = stage.commands.swallowNextReply({ afterRequestContaining: SHA });
    const calls = {
      increment: () => one.increment(2),
      decrement: () => one.decrement(2),
      set: () => one.set(6),
      delete: () => one.delete(),
    };
    const answered = outcome(calls[kind]());
    await swallowed;
    expect(await answered).toBe(answer);
    expect(await stage.sibling().get()).toBe(value);
  });

  it('and what another has set meanwhile stays', async () => {
    const one = stage.counter();
    await one.set(6);
    const swallowed = stage.commands.swallowNextReply({ afterRequestContaining: SHA });
    const deleted = one.delete();
    await swallowed;
    stage.commands.refuse();
    await stage.sibling().set(9);
    stage.commands.accept();
    expect(await deleted).toBe(true);
    expect(await one.get()).toBe(9);
  });

  it('and a counter that has expired meanwhile stays so', async () => {
    const one = stage.counter(undefined, 50);
    const swallowed = stage.commands.swallowNextReply({ afterRequestContaining: SHA });
    const counted = one.increment(5);
    await swallowed;
    stage.commands.refuse();
    await until(async () => (await stage.redis.exists(KEY)) === 0, { what: 'the counter to expire' });
    stage.commands.accept();
    expect(await counted).toBe(5);
    expect(await one.get()).toBe(-1);
  });

  it('for a whole crowd', async () => {
    const one = stage.counter();
    await one.set(1_000);
    const swallowed = stage.commands.swallowNextReply({ afterRequestContaining: SHA });
    const left = await Promise.all(Array.from({ length: 600 }, () => one.decrement()));
    await swallowed;
    expect(left.at(-1)).toBe(400);
    expect(new Set(left).size).toBe(600);
    expect(await stage.sibling().get()).toBe(400);
  });
});

describe('a server that does not answer', () => {
  it('is an error after the command timeout, also for those who were behind; later ones count', async () => {
    const one = stage.counter({ commandTimeout: 300 });
    await one.set(10);
    stage.commands.stallReplies();
    const first = outcome(one.decrement());
    await until(async () => (await stage.redis.get(KEY)) === '9', { what: 'the first to count' });
    const { error, late } = await timely(500, async () => {
      const behind = await Promise.all([one.decrement(), one.increment(3), one.get()].map(outcome));
      for (const failure of [await first, ...behind]) {
        expect(failure).toBeInstanceOf(LockBackendError);
        expect(failure).toMatchObject({ reason: 'unavailable', retryable: true, lockName: NAME });
      }
    });
    expect([error, late]).toEqual([undefined, false]);
    stage.commands.flow();
    const left = await one.decrement(5);
    // The first has counted, and of those behind it each for which there was time to send it at all: none, the later one, or both.
    expect([4, 7, 6]).toContain(left);
    expect(await stage.sibling().get()).toBe(left);
  });

  it('is what a wait says, and not that time was up, unless the counter has been seen', async () => {
    const one = stage.counter({ commandTimeout: 100 });
    await one.set(1);
    stage.commands.stall();
    expect(await outcome(one.wait(200))).toMatchObject({ code: 'ERR_LOCK_BACKEND', reason: 'unavailable' });
    stage.commands.flow();
    stage.messages.refuse();
    stage.messages.cut();
    expect(await outcome(one.wait(200))).toMatchObject({ code: 'ERR_LOCK_BACKEND', reason: 'unavailable' });
    stage.messages.accept();
    await until(async () => (await outcome(one.wait(200))) instanceof LockTimeoutError, {
      what: 'a wait that has seen the counter',
    });
  });

  it('keeps nobody from closing', async () => {
    const connection = new Redis(stage.commands.url);
    const client = new LockClient(connection);
    stage.atEnd(() => connection.disconnect());
    const one = client.counter(NAME, { ttl: TTL });
    await one.set(5);
    stage.commands.stall();
    const pending = [one.decrement(), one.decrement(), one.wait(), one.wait(5_000)].map(outcome);
    await until(() => connection.status === 'ready', { what: 'the connection' });
    const closing = client.close();
    for (const end of await Promise.all(pending)) expect(end).toBeInstanceOf(LockClosedError);
    stage.commands.cut();
    stage.commands.flow();
    await closing;
  });

  it('keeps nobody from closing one client of several on the same connection', async () => {
    const connection = new Redis(stage.commands.url);
    stage.atEnd(() => connection.disconnect());
    const [leaving, staying] = [new LockClient(connection), new LockClient(connection)];
    const [mine, theirs] = [leaving, staying].map((client) => client.counter(NAME, { ttl: TTL }));
    await theirs!.set(5);
    const waiting = outcome(mine!.wait());
    await stage.listening();
    stage.commands.stallReplies();
    const counting = [mine!, theirs!].map((one) => outcome(one.decrement()));
    await leaving.close();
    for (const end of [await waiting, await counting[0]]) expect(end).toBeInstanceOf(LockClosedError);
    stage.commands.flow();
    // What the other had asked for was under way.
    expect(await counting[1]).toBe(3);
    await staying.close();
  });

  it('that is ended by the user ends the waits', async () => {
    const connection = new Redis(stage.server.url);
    const one = new LockClient(connection).counter(NAME, { ttl: TTL });
    await one.set(5);
    const waiting = outcome(one.wait());
    await stage.listening();
    connection.disconnect();
    expect(await waiting).toMatchObject({ code: 'ERR_LOCK_BACKEND', retryable: false });
    await expect(one.decrement()).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND', retryable: false });
  });
});
