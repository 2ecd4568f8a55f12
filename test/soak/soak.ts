import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Chance } from '../chaos/chance.ts';
import { type ClientProcess, spawnClient } from '../support/client-process.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { until, within } from '../support/wait.ts';
import { differences } from './differences.ts';
import { type KillCounts, Kills } from './kills.ts';
import { LASTING_KEYS } from './names.ts';
import type { FromClient, ToClient } from './orders.ts';
import { sampleServer } from './sample-server.ts';
import type { Counts, Sample, SoakRun } from './samples.ts';
import type { SoakSettings } from './settings.ts';
import { isBack } from './verdict.ts';

const CLIENT = new URL('./soak.client.ts', import.meta.url);
/** How long everything has to come back to what it was. */
const SETTLE_MS = 30_000;
const LOOK_AGAIN_MS = 250;
/** What is under way when the client is told to rest may have to wait for a server, or for somebody killed. */
const REST_MS = 30_000;
const EXIT_MS = 10_000;
const MOST_LEFT_KEYS = 10;

/** One soak: a client that uses locks in every way there is, while connections and other clients are killed. */
export async function soak(
  settings: SoakSettings,
  onSample: (sample: Sample) => void = () => {},
): Promise<SoakRun> {
  await using server = await startRedis();
  await using client = spawnClient<FromClient, ToClient>(CLIENT, {
    args: [server.url, String(settings.seed), String(settings.retentionMs)],
    nodeOptions: ['--expose-gc'],
  });
  await client.next('ready');
  const redis = new Redis(server.url);
  try {
    return await new Soak(settings, server, client, redis).run(onSample);
  } finally {
    redis.disconnect();
  }
}

class Soak {
  readonly #settings: SoakSettings;
  readonly #server: RedisServer;
  readonly #client: ClientProcess<FromClient, ToClient>;
  readonly #redis: Redis;
  readonly #chance: Chance;
  readonly #kills: KillCounts = { 'command links': 0, subscribers: 0, processes: 0 };
  readonly #startedAt = performance.now();

  constructor(
    settings: SoakSettings,
    server: RedisServer,
    client: ClientProcess<FromClient, ToClient>,
    redis: Redis,
  ) {
    this.#settings = settings;
    this.#server = server;
    this.#client = client;
    this.#redis = redis;
    this.#chance = new Chance(settings.seed + 1);
  }

  async run(onSample: (sample: Sample) => void): Promise<SoakRun> {
    const { seed, minutes, warmUpMs } = this.#settings;
    await this.#busyWhile(() => sleep(warmUpMs));
    const start = await this.#settled(
      (sample, before) => isBlank(sample) && before !== undefined && isBack(before, sample),
    );
    const busy: Sample[] = [];
    await this.#busyWhile(() =>
      this.#watch(minutes * 60_000, (sample) => {
        busy.push(sample);
        onSample(sample);
      }),
    );
    const end = await this.#settled((sample) => isBack(start, sample));
    const leftKeys = (await this.#redis.keys('*')).slice(0, MOST_LEFT_KEYS);
    const { left, ends, names } = await this.#close();
    const closed = { ...left, ...(await this.#leftOnServer()) };
    return { seed, minutes, start, busy, end, leftKeys, closed, ends, kills: this.#kills, names };
  }

  /** Everything goes on while `work` does, and is at rest afterwards. */
  async #busyWhile(work: () => Promise<void>): Promise<void> {
    this.#client.send({ type: 'go' });
    const { retentionMs } = this.#settings;
    const scene = { url: this.#server.url, retentionMs, redis: this.#redis, chance: this.#chance };
    const kills = new Kills(scene, this.#kills);
    await work();
    await kills.stop();
    this.#client.send({ type: 'rest' });
    await this.#client.next('rested', REST_MS);
  }

  async #watch(durationMs: number, onSample: (sample: Sample) => void): Promise<void> {
    const { sampleEveryMs } = this.#settings;
    const startedAt = performance.now();
    for (let at = sampleEveryMs; at <= durationMs; at += sampleEveryMs) {
      await sleep(Math.max(0, startedAt + at - performance.now()));
      onSample(await this.#sample());
    }
  }

  async #sample(): Promise<Sample> {
    this.#client.send({ type: 'sample' });
    const { sample } = await this.#client.next('sample');
    const { redisBytes, counts } = await sampleServer(this.#redis);
    const atMs = performance.now() - this.#startedAt;
    return { ...sample, atMs, redisBytes, counts: { ...sample.counts, ...counts } };
  }

  /** The first sample that is as it should be, or how it is when the time is up. */
  async #settled(isSettled: (sample: Sample, before?: Sample) => boolean): Promise<Sample> {
    const giveUpAt = performance.now() + SETTLE_MS;
    let before: Sample | undefined;
    for (;;) {
      // Meant to be there for an hour; nothing else of those locks is.
      await this.#redis.del(...LASTING_KEYS);
      const sample = await this.#sample();
      if (isSettled(sample, before) || performance.now() >= giveUpAt) return sample;
      before = sample;
      await sleep(LOOK_AGAIN_MS);
    }
  }

  async #close(): Promise<Extract<FromClient, { type: 'closed' }>> {
    this.#client.send({ type: 'close' });
    const closed = await this.#client.next('closed');
    const exit = within(EXIT_MS, 'its end', () => this.#client.exit);
    const { code } = await exit.catch(() => ({ code: undefined }));
    if (code === 0) return closed;
    const what = code === undefined ? 'process that does not end' : `process that ends with status ${code}`;
    return { ...closed, left: { ...closed.left, [what]: 1 } };
  }

  /** What the server still has of a client that has ended, but for us who ask. */
  async #leftOnServer(): Promise<Counts> {
    const expected = { keys: 0, channels: 0, 'connected clients': 1 };
    let left: Counts = {};
    const look = async () => {
      left = Object.fromEntries(differences(expected, (await sampleServer(this.#redis)).counts));
      return Object.keys(left).length === 0;
    };
    await until(look, { what: 'nothing to be left' }).catch(() => {});
    return left;
  }
}

/** Nothing is held or kept, and no timer runs. */
function isBlank({ counts }: Sample): boolean {
  return counts.keys === 0 && counts['held leases'] === 0 && counts['handles: Timeout'] === undefined;
}
