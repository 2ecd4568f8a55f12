import fc from 'fast-check';
import type { Lock, LockClient, LockJson, LockState } from '../../src/index.ts';
import { CAPACITY, checkCount, checkLock, checkState } from './sanity.ts';
import { PATIENCE_MS, SLACK_MS, type World } from './world.ts';

/** What a caller does with the client of a world; rejects as the calls do. */
export interface Call {
  readonly what: string;
  run(world: World): Promise<void>;
}

/** How long one command may take. */
const COMMAND_MS = PATIENCE_MS + SLACK_MS;
/** How long a script may take that has to be called again and again. */
const WORK_MS = 2 * COMMAND_MS;
/** After this, who would wait for ever gives up. */
const ABORT_MS = 300;
const LEAVING_MS = 1_000;

const ttl = fc.constantFrom(10, 50, 100, 200);
const wait = fc.constantFrom(0, 1, 30, 100, Number.POSITIVE_INFINITY);
const name = fc.constantFrom('x', 'y', 'a}b%');

type Deed = 'release' | 'refresh' | 'isHeld' | 'signal' | 'autoRefresh' | 'downgrade' | 'handOver' | 'rest';
const deeds = fc.array(
  fc.constantFrom<Deed[]>(
    'release',
    'refresh',
    'isHeld',
    'signal',
    'autoRefresh',
    'downgrade',
    'handOver',
    'rest',
  ),
  { maxLength: 3 },
);

function releaseMs(lock: { ttl: number }): number {
  return lock.ttl + 2 * WORK_MS;
}

/** Whoever holds a lock does all that can be done with it, and in the end releases it. */
async function hold(world: World, lock: Lock, todo: readonly Deed[]): Promise<void> {
  try {
    for (const deed of todo) await perform(world, lock, deed);
  } finally {
    await world.within(releaseMs(lock), 'release', lock.release());
  }
}

async function perform(world: World, lock: Lock, deed: Deed): Promise<void> {
  switch (deed) {
    case 'release':
      return world.within(releaseMs(lock), 'release', lock.release());
    case 'refresh':
      return world.within(COMMAND_MS, 'refresh', lock.refresh(100));
    case 'isHeld':
      await world.within(COMMAND_MS, 'isHeld', lock.isHeld());
      return;
    case 'signal':
      void lock.signal;
      return;
    case 'autoRefresh':
      lock.autoRefresh({ maxHold: 150 });
      return;
    case 'downgrade':
      return world.within(WORK_MS, 'downgrade', lock.downgrade());
    case 'handOver': {
      const json = JSON.stringify(lock);
      const resumed = world.client.resume(json);
      const again = await world.within(COMMAND_MS + releaseMs(lock), 'resume', resumed);
      await world.within(releaseMs(again), 'release', again.release());
      return;
    }
    case 'rest':
      await world.within(150, 'rest', world.clock.sleep(70));
  }
}

function acquireMs(waitMs: number): number {
  if (waitMs === Number.POSITIVE_INFINITY) return ABORT_MS + SLACK_MS;
  return waitMs === 0 ? WORK_MS : waitMs + SLACK_MS;
}

/** Aborts who waits without an end. */
function abortSoon(world: World): AbortSignal {
  const controller = new AbortController();
  world.clock.callAt(world.clock.now() + ABORT_MS, () => controller.abort(ABORTED));
  return controller.signal;
}

/** The reason of all who give up. */
export const ABORTED = new Error('given up');

const acquire = fc.tuple(name, ttl, wait, fc.boolean(), fc.integer({ min: 1, max: CAPACITY }), deeds).map(
  ([lockName, ttlMs, waitMs, shared, permits, todo]): Call => ({
    what: `acquire ${permits} of ${shared ? CAPACITY : 1} for ${ttlMs} within ${waitMs}, then ${todo}`,
    async run(world) {
      const { client } = world;
      const creator = shared ? client.semaphore(lockName, CAPACITY) : client.creator(lockName);
      const units = shared ? permits : 1;
      const options = { signal: abortSoon(world), ...(shared && { units }) };
      const acquired = creator.acquire(ttlMs, waitMs, options);
      const lock = await world.within(acquireMs(waitMs) + world.confirmMs, 'acquire', acquired);
      checkLock(lock, { name: lockName, ttl: ttlMs, units });
      await hold(world, lock, todo);
    },
  }),
);

const tryAcquire = fc.tuple(name, ttl, fc.nat(2), deeds).map(
  ([lockName, ttlMs, retries, todo]): Call => ({
    what: `tryAcquire for ${ttlMs}, ${retries} retries, then ${todo}`,
    async run(world) {
      const trying = world.client.creator(lockName).tryAcquire(ttlMs, { retries, backoff: 5 });
      const ms = (retries + 1) * (WORK_MS + world.confirmMs + 20);
      const lock = await world.within(ms, 'tryAcquire', trying);
      if (!lock) return;
      checkLock(lock, { name: lockName, ttl: ttlMs, units: 1 });
      await hold(world, lock, todo);
    },
  }),
);

const using = fc.tuple(name, ttl).map(
  ([lockName, ttlMs]): Call => ({
    what: `using for ${ttlMs}`,
    async run(world) {
      const used = world.client.creator(lockName).using(ttlMs, 30, (lock) => lock.remaining);
      await world.within(30 + SLACK_MS + world.confirmMs + releaseMs({ ttl: ttlMs }), 'using', used);
    },
  }),
);

const acquireAll = fc.tuple(ttl, fc.constantFrom(0, 30, 100), deeds).map(
  ([ttlMs, waitMs]): Call => ({
    what: `acquireAll for ${ttlMs} within ${waitMs}`,
    async run(world) {
      const acquired = world.client.acquireAll(['x', 'y', 'z'], ttlMs, waitMs);
      const ms = waitMs + 3 * (WORK_MS + world.confirmMs) + LEAVING_MS;
      const locks = await world.within(ms, 'acquireAll', acquired);
      if (locks.remaining > ttlMs) throw new RangeError(`${locks.remaining} ms remain of ${ttlMs}`);
      await world.within(releaseMs(locks), 'release', locks.release());
    },
  }),
);

const ask = fc.tuple(name, fc.constantFrom('inspect', 'isLocked', 'owner', 'forceRelease')).map(
  ([lockName, question]): Call => ({
    what: question,
    async run(world) {
      const creator = world.client.creator(lockName);
      const ms = question === 'forceRelease' ? 2 * WORK_MS : COMMAND_MS;
      const answering: Promise<unknown> = creator[question as 'inspect' | 'owner']();
      const answer = await world.within(ms, question, answering);
      if (question === 'inspect') checkState(answer as LockState, lockName);
    },
  }),
);

const watch = fc.tuple(name, fc.boolean()).map(
  ([lockName, leaders]): Call => ({
    what: leaders ? 'observe' : 'watch',
    async run(world) {
      const { client } = world;
      const signal = abortSoon(world);
      const states = leaders
        ? client.election(lockName).observe({ signal })
        : client.creator(lockName).watch({ signal });
      for (let seen = 0; seen < 2; seen++) {
        const next: Promise<IteratorResult<unknown>> = states.next();
        const { value, done } = await world.within(ABORT_MS + LEAVING_MS + SLACK_MS, 'watch', next);
        if (done) return;
        if (!leaders) checkState(value as LockState, lockName);
      }
      const leaving: Promise<unknown> = states.return?.() ?? Promise.resolve();
      await world.within(LEAVING_MS + SLACK_MS, 'return', leaving);
    },
  }),
);

const COUNTER_DEEDS = {
  set: (counter) => counter.set(5),
  increment: (counter) => counter.increment(3),
  decrement: (counter) => counter.decrement(2),
  get: (counter) => counter.get(),
  delete: (counter) => counter.delete(),
  'wait 0': (counter) => counter.wait(0),
  wait: (counter) => counter.wait(90),
} satisfies Record<string, (counter: ReturnType<LockClient['counter']>) => Promise<unknown>>;

const count = fc
  .tuple(name, fc.array(fc.constantFrom(...Object.keys(COUNTER_DEEDS)), { minLength: 1, maxLength: 3 }))
  .map(
    ([counterName, todo]): Call => ({
      what: `counter: ${todo}`,
      async run(world) {
        const counter = world.client.counter(counterName, { ttl: 1_000 });
        const steps = todo.map(async (deed) => {
          const ms = deed === 'wait' ? 90 + SLACK_MS : COMMAND_MS + SLACK_MS;
          checkCount(await world.within(ms, `counter.${deed}`, COUNTER_DEEDS[deed as 'get'](counter)));
        });
        const failed = (await Promise.allSettled(steps)).find((step) => step.status === 'rejected');
        if (failed) throw failed.reason;
      },
    }),
  );

const resume = fc.tuple(name, fc.constantFrom('liar.test:1:50', 'other.1.ab:1:50:2'), ttl, deeds).map(
  ([lockName, owner, ttlMs, todo]): Call => ({
    what: `resume ${owner}, then ${todo}`,
    async run(world) {
      const json: LockJson = { version: 1, name: lockName, owner, fencingToken: 7, units: 1, ttl: ttlMs };
      const resumed = world.client.resume(json);
      const lock = await world.within(COMMAND_MS + releaseMs(json), 'resume', resumed);
      checkLock(lock, json);
      await hold(world, lock, todo);
    },
  }),
);

const campaign = ttl.map(
  (ttlMs): Call => ({
    what: `campaign for ${ttlMs}`,
    async run(world) {
      const standing = world.client.election('x').campaign({ ttl: ttlMs, signal: abortSoon(world) });
      const leadership = await world.within(ABORT_MS + SLACK_MS + world.confirmMs, 'campaign', standing);
      await world.within(releaseMs({ ttl: ttlMs }), 'resign', leadership.resign());
    },
  }),
);

function shown(call: fc.Arbitrary<Call>): fc.Arbitrary<Call> {
  return call.map((each) => ({ ...each, [fc.toStringMethod]: () => each.what }));
}

/** What mutexes can do, and so every engine. */
export const anyMutexCall = shown(
  fc.oneof({ weight: 3, arbitrary: tryAcquire }, using, acquireAll, ask, watch, resume, campaign),
);

/** All that can be asked of a client. */
export const anyCall = shown(
  fc.oneof(
    { weight: 6, arbitrary: acquire },
    { weight: 2, arbitrary: tryAcquire },
    { weight: 1, arbitrary: using },
    { weight: 1, arbitrary: acquireAll },
    { weight: 2, arbitrary: ask },
    { weight: 2, arbitrary: watch },
    { weight: 2, arbitrary: count },
    { weight: 1, arbitrary: resume },
    { weight: 1, arbitrary: campaign },
  ),
);
