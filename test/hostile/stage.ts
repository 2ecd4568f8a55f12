import { LockClient } from '../../src/client.ts';
import type { Lock, MultiLock } from '../../src/index.ts';
import { RedisBackend } from '../../src/redis/backend.ts';
import { redisSettings } from '../../src/redis/options.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { FakeRedis, ScriptKinds } from './fake-redis.ts';
import { consent } from './honest.ts';

const FOR_EVER_MS = 2_147_483_647;

/** A server that says yes to everything, on a clock that stands still. */
export function agreeableRedis(
  clock: ManualClock,
  options: { keyPrefix?: string; prefix?: string } = {},
): FakeRedis {
  const { keyPrefix = '', prefix = 'baton' } = options;
  return new FakeRedis(
    { host: 'agreeable', port: 1, keyPrefix },
    {
      scripts: new ScriptKinds(keyPrefix, redisSettings({ prefix })),
      answer: async ({ kind, args }) => consent(kind, args, clock),
      soon: queueMicrotask,
    },
  );
}

/** Where arguments are put to the test: a client of a server that says yes, with leases to ask things of. */
export class Stage {
  readonly clock = new ManualClock();
  readonly redis = agreeableRedis(this.clock);
  readonly backend = new RedisBackend(this.redis.redis, redisSettings(), this.clock, false);
  readonly client = new LockClient(this.backend);
  /** Of a mutex. */
  readonly lock: Lock;
  /** Of a semaphore. */
  readonly permits: Lock;
  /** Of two mutexes. */
  readonly both: MultiLock;

  private constructor(held: Pick<Stage, 'lock' | 'permits' | 'both'>) {
    this.lock = held.lock;
    this.permits = held.permits;
    this.both = held.both;
  }

  static async open(): Promise<Stage> {
    const bare = new Stage({} as Stage);
    const lock = await bare.client.creator('held').acquire(FOR_EVER_MS);
    const permits = await bare.client.semaphore('permits', 5).acquire(FOR_EVER_MS, 0, { units: 3 });
    const both = await bare.client.acquireAll(['one', 'other'], FOR_EVER_MS);
    return Object.assign(bare, { lock, permits, both });
  }

  /** How much has been sent so far, over which connections ever. */
  get traffic(): number {
    return this.redis.sent.length + this.redis.lines.length;
  }

  async close(): Promise<void> {
    await this.client.close({ release: false });
  }
}
