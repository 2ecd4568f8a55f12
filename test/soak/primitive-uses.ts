import { setTimeout as sleep } from 'node:timers/promises';
import { crowd, type Stage, TTL, take, takeTurn, WAIT } from './stage.ts';
import { Intended } from './tally.ts';

/** Short enough that one which could not be deleted is soon gone. */
const COUNTER_TTL = 4_000;
const CAPACITY = 3;

/** A batch is counted down while some wait for its end, and some not that long. */
export async function counted(stage: Stage): Promise<void> {
  const { locks, names, chance, never, tally } = stage;
  const counter = locks.counter(names.any('batch'), { ttl: COUNTER_TTL });
  await tally.of('counted', counter.set(3));
  const abort = new AbortController();
  const waiting = Promise.all([
    tally.of('reached', counter.wait(WAIT, { signal: never })),
    tally.of('reached', counter.wait(chance.between(0, 5))),
    tally.of('reached', counter.wait(WAIT, { signal: abort.signal })),
  ]);
  await tally.of('asked about', counter.isLocked());
  if (chance.inThousand(500)) abort.abort(new Intended('aborted'));
  const deleted = chance.inThousand(200) && tally.of('deleted', counter.delete());
  await crowd(3, () => tally.of('counted', counter.decrement()));
  await Promise.all([waiting, deleted]);
  await tally.of('deleted', counter.delete());
}

/** More want permits than there are. */
export async function permits(stage: Stage): Promise<void> {
  const { locks, names, chance, never } = stage;
  const semaphore = locks.semaphore(names.any('permits'), CAPACITY);
  await crowd(5, async () => {
    const units = chance.between(1, 2);
    const waitMs = chance.inThousand(200) ? chance.between(0, 3) : WAIT;
    await takeTurn(stage, semaphore.acquire(TTL, waitMs, { units, signal: never }), 1);
  });
}

/** Readers, and writers of whom some go on as readers. */
export async function documents(stage: Stage): Promise<void> {
  const { locks, names, chance, never, tally } = stage;
  const { read, write } = locks.readWriteLock(names.any('document'));
  const writing = async () => {
    const lock = await take(stage, write.acquire(TTL, WAIT));
    if (!lock) return;
    if (chance.inThousand(500)) void lock.signal;
    if (chance.inThousand(500)) await tally.of('downgraded', lock.downgrade());
    await tally.of('released', lock.release());
  };
  const reading = () => crowd(3, () => takeTurn(stage, read.acquire(TTL, WAIT, { signal: never }), 1));
  await Promise.all([reading(), writing(), reading(), writing()]);
}

/** Several locks, all or nothing. */
export async function several(stage: Stage): Promise<void> {
  const { locks, names, chance, never, tally } = stage;
  const wanted = [...new Set([names.hot(), names.any('lock'), names.any('lock')])];
  const waitMs = chance.inThousand(300) ? 5 : WAIT;
  const taken = await tally.of('granted', locks.acquireAll(wanted, TTL, waitMs, { signal: never }));
  if (!taken) return;
  if (chance.inThousand(500)) void taken.signal;
  await tally.of('refreshed', taken.refresh());
  await tally.of('released', taken.release());
}

/** Two candidates lead, one after the other, while somebody looks on. */
export async function elected(stage: Stage): Promise<void> {
  const { locks, names, tally } = stage;
  const election = locks.election(names.any('lock'));
  const abort = new AbortController();
  const { signal } = abort;
  const late = setTimeout(() => abort.abort(new Intended('stopped')), WAIT);
  const campaign = async () => {
    const leadership = await tally.of('granted', election.campaign({ ttl: TTL, signal }));
    if (leadership) await tally.of('released', leadership.resign());
  };
  const lead = () =>
    tally.of(
      'task done',
      election.run(() => sleep(1), { ttl: TTL, signal }),
    );
  const leaders = election.observe({ signal });
  await tally.of('seen', leaders.next());
  await Promise.all([campaign(), lead()]);
  await tally.of('left', Promise.resolve(leaders.return?.()));
  clearTimeout(late);
}
