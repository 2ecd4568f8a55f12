import { Redis } from 'ioredis';
import { LockClient } from '../../src/index.ts';
import type { Bench } from '../bench.ts';
import { nowUs } from '../measure/clock.ts';
import { Durations } from '../measure/percentiles.ts';
import { type Series, series } from '../measure/series.ts';

const NAMES = 8;
const TTL_MS = 30_000;
const WARM_UP = 200;
const REPEATS = 400;

/** What calls cost that are round trips one after the other and nothing else, over so many of a PING in the same process. */
export interface RoundTrips {
  /** How many locks are taken at once. */
  readonly names: number;
  readonly commandsPerName: number;
  /** Taking all of them, p50, over as many round trips. */
  readonly acquireAll: Series;
  /** Releasing all of them, which they are at once, p50, over a round trip. */
  readonly releaseAll: Series;
  readonly commandsOfResume: number;
  /** Going on with a lease that somebody else has given up, p50, over a round trip. */
  readonly resume: Series;
}

export async function measureRoundTrips(bench: Bench): Promise<RoundTrips> {
  const redis = new Redis(bench.server.url);
  const giver = new LockClient(redis);
  const taker = new LockClient(redis);
  const calls = new Calls(redis, giver, taker);
  try {
    await calls.repeat(WARM_UP);
    const rounds: Ratios[] = [];
    for (let round = 0; round < bench.settings.rounds; round++) {
      bench.progress.step('primitives: several locks at once, and a lease handed over');
      rounds.push(await calls.repeat(bench.scaled(REPEATS)));
    }
    const several = await bench.server.record(() => calls.takeAll());
    const lock = await giver.creator('step').acquire(TTL_MS);
    const { commands } = await bench.server.record(() => taker.resume(lock.toJSON()));
    return {
      names: NAMES,
      commandsPerName: several.commands.length / NAMES,
      acquireAll: series(rounds.map(({ acquireAll }) => acquireAll)),
      releaseAll: series(rounds.map(({ releaseAll }) => releaseAll)),
      commandsOfResume: commands.length,
      resume: series(rounds.map(({ resume }) => resume)),
    };
  } finally {
    await Promise.all([giver.close(), taker.close()]);
    redis.disconnect();
    await bench.server.flush();
  }
}

type Ratios = Record<'acquireAll' | 'releaseAll' | 'resume', number>;

class Calls {
  readonly #redis: Redis;
  readonly #giver: LockClient;
  readonly #taker: LockClient;
  readonly #names = Array.from({ length: NAMES }, (_, index) => `one of several:${index}`);

  constructor(redis: Redis, giver: LockClient, taker: LockClient) {
    this.#redis = redis;
    this.#giver = giver;
    this.#taker = taker;
  }

  /** Takes turns, so that drift hits all alike. */
  async repeat(times: number): Promise<Ratios> {
    const pings = new Durations();
    const takes = new Durations();
    const releases = new Durations();
    const resumes = new Durations();
    for (let i = 0; i < times; i++) {
      pings.add((await timed(() => this.#redis.ping())).us);
      const { takeUs, releaseUs } = await this.takeAll();
      takes.add(takeUs);
      releases.add(releaseUs);
      const lock = await this.#giver.creator('step').acquire(TTL_MS);
      const { us, result: resumed } = await timed(() => this.#taker.resume(lock.toJSON()));
      resumes.add(us);
      await resumed.release();
    }
    const over = (durations: Durations, roundTrips: number): number =>
      durations.percentiles().p50 / (pings.percentiles().p50 * roundTrips);
    return { acquireAll: over(takes, NAMES), releaseAll: over(releases, 1), resume: over(resumes, 1) };
  }

  async takeAll(): Promise<{ takeUs: number; releaseUs: number }> {
    const { us: takeUs, result: all } = await timed(() => this.#giver.acquireAll(this.#names, TTL_MS, 0));
    const { us: releaseUs } = await timed(() => all.release());
    return { takeUs, releaseUs };
  }
}

async function timed<T>(call: () => Promise<T>): Promise<{ us: number; result: T }> {
  const before = nowUs();
  const result = await call();
  return { us: nowUs() - before, result };
}
