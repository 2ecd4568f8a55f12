import { setTimeout as sleep } from 'node:timers/promises';
import { LockClient, LockCreator, redisBackend } from '../../src/index.ts';
import { keyOf } from './names.ts';
import { crowd, type Stage, TTL, take, takeTurn, WAIT } from './stage.ts';
import { Intended } from './tally.ts';

/** A free lock, of which all sorts of things are asked. */
export async function alone(stage: Stage): Promise<void> {
  const { locks, names, chance, tally } = stage;
  const creator = locks.creator(names.any('lock'));
  const lock = await take(stage, creator.acquire(TTL, WAIT));
  if (!lock) return;
  if (chance.inThousand(300)) void lock.signal;
  if (chance.inThousand(300)) await tally.of('refreshed', lock.refresh(2 * TTL));
  if (chance.inThousand(100)) await tally.of('asked about', lock.isHeld());
  if (chance.inThousand(100)) await tally.of('asked about', creator.inspect());
  await tally.of('released', lock.release());
}

/** A lock that many want. */
export async function contended(stage: Stage): Promise<void> {
  const { locks, names, chance, never } = stage;
  const creator = locks.creator(names.hot());
  const hold = chance.between(0, 2);
  await crowd(chance.between(2, 6), () =>
    takeTurn(stage, creator.acquire(TTL, WAIT, { signal: never }), hold),
  );
}

/** Some wait in vain. */
export async function timedOut(stage: Stage): Promise<void> {
  const { locks, names, chance, never, tally } = stage;
  const creator = locks.creator(names.any('lock'));
  const lock = await take(stage, creator.acquire(TTL, WAIT));
  await crowd(3, () => takeTurn(stage, creator.acquire(TTL, chance.between(0, 20), { signal: never })));
  if (lock) await tally.of('released', lock.release());
}

/** Some lose interest, some do not; now and then in the very moment of the release. */
export async function aborted(stage: Stage): Promise<void> {
  const { locks, names, chance, never, tally } = stage;
  const creator = locks.creator(names.any('lock'));
  const lock = await take(stage, creator.acquire(TTL, WAIT));
  const abort = new AbortController();
  const { signal } = abort;
  const hasty = crowd(3, () => takeTurn(stage, creator.acquire(TTL, WAIT, { signal })));
  const patient = takeTurn(stage, creator.acquire(TTL, WAIT, { signal: never }));
  const pauseMs = chance.between(0, 10);
  if (pauseMs > 0) await sleep(pauseMs);
  const released = lock && tally.of('released', lock.release());
  abort.abort(new Intended('aborted'));
  await Promise.all([released, hasty, patient]);
}

/** Who only tries, some of them several times. */
export async function tried(stage: Stage): Promise<void> {
  const { locks, names, chance, never } = stage;
  const creator = locks.creator(names.hot());
  const retries = chance.between(0, 3);
  await crowd(3, () => takeTurn(stage, creator.tryAcquire(TTL, { retries, backoff: 5, signal: never }), 1));
}

/** A lease that ends sooner than the work, were it not refreshed. */
export async function refreshed(stage: Stage): Promise<void> {
  const { locks, names, chance, tally } = stage;
  const lock = await take(stage, locks.creator(names.any('lock')).acquire(300, WAIT));
  if (!lock) return;
  if (chance.inThousand(500)) void lock.signal;
  try {
    lock.autoRefresh(chance.inThousand(200) ? { maxHold: 50 } : {});
  } catch {
    tally.note('lost at once');
  }
  await sleep(chance.between(100, 400));
  await tally.of('released', lock.release());
}

/** Tasks under a lock, some of which fail. */
export async function used(stage: Stage): Promise<void> {
  const { locks, names, chance, never, tally } = stage;
  const creator = locks.creator(chance.inThousand(500) ? names.hot() : names.any('lock'));
  const task = async () => {
    await sleep(1);
    if (chance.inThousand(300)) throw new Intended('task failed');
  };
  await crowd(2, () => tally.of('task done', creator.using(TTL, WAIT, task, { signal: never })));
}

/** Somebody looks on, and leaves or is told to. */
export async function watched(stage: Stage): Promise<void> {
  const { locks, names, chance, never, tally } = stage;
  const creator = locks.creator(names.any('lock'));
  const abort = new AbortController();
  const told = chance.inThousand(500);
  const watch = creator.watch({ signal: told ? abort.signal : never });
  const leave = async () => {
    if (told) abort.abort(new Intended('stopped'));
    else await tally.of('left', Promise.resolve(watch.return?.()));
  };
  // What changes while the connection is cut, and back again, is no news.
  const late = setTimeout(() => void leave(), 500);
  await tally.of('seen', watch.next());
  const turn = takeTurn(stage, creator.acquire(TTL, WAIT), 1);
  await tally.of('seen', watch.next());
  clearTimeout(late);
  await leave();
  await turn;
}

/** The key is gone, somebody uses force, or the lease just ends. */
export async function lost(stage: Stage): Promise<void> {
  const { locks, names, chance, redis, tally } = stage;
  const name = names.any('lock');
  const creator = locks.creator(name);
  const lapses = chance.inThousand(300);
  const lock = await take(stage, creator.acquire(lapses ? 20 : TTL, WAIT));
  if (!lock) return;
  if (chance.inThousand(500)) void lock.signal;
  const waiting = chance.inThousand(300) && takeTurn(stage, creator.acquire(TTL, WAIT));
  if (lapses) {
    await sleep(40);
  } else {
    if (chance.inThousand(500)) await tally.of('deleted', redis.del(keyOf(name)));
    else await tally.of('forced', creator.forceRelease());
    await tally.of('refreshed', lock.refresh());
    await tally.of('released', lock.release());
  }
  await waiting;
}

/** A creator that shares the connections of others for a while, and is closed while it holds and waits. */
export async function closed(stage: Stage): Promise<void> {
  const { names, redis, never, tally } = stage;
  const creator = new LockCreator(names.lasting(), redis);
  await take(stage, creator.acquire(TTL, WAIT));
  const waiting = takeTurn(stage, creator.acquire(TTL, WAIT, { signal: never }));
  await tally.of('closed', creator.close());
  await waiting;
}

/** A client of its own over the user's connection, or over its own one. */
export async function reopened(stage: Stage): Promise<void> {
  const { names, redis, url, options, chance, never, tally } = stage;
  const source = chance.inThousand(700) ? redis : url;
  const locks = new LockClient(redisBackend(source, options));
  const creator = locks.creator(names.any('lock'));
  const lock = await take(stage, creator.acquire(TTL, WAIT));
  if (lock) void lock.autoRefresh().signal;
  const waiting = crowd(2, () => takeTurn(stage, creator.acquire(TTL, WAIT, { signal: never })));
  // By then most have a place in line, and a subscriber.
  await sleep(chance.between(0, 30));
  await tally.of('closed', locks.close());
  await waiting;
}

/** A lease that goes from one handle to another. */
export async function handedOn(stage: Stage): Promise<void> {
  const { locks, names, tally } = stage;
  const lock = await take(stage, locks.creator(names.any('lock')).acquire(TTL, WAIT));
  if (!lock) return;
  const handOn = async () => JSON.stringify(lock.autoRefresh());
  const json = await tally.of('handed on', handOn());
  const resumed = json && (await tally.of('resumed', locks.resume(json)));
  if (resumed) await tally.of('released', resumed.release());
}
