import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import pDefer from 'p-defer';
import type { Chance } from '../chaos/chance.ts';
import { spawnClient } from '../support/client-process.ts';
import type { FromDoomed } from './doomed.client.ts';

interface Scene {
  readonly url: string;
  readonly retentionMs: number;
  /** Whose own connection stays. */
  readonly redis: Redis;
  readonly chance: Chance;
}

/** What is killed, and how often it has been so far. */
export type KillCounts = Record<'command links' | 'subscribers' | 'processes', number>;

const DOOMED = new URL('./doomed.client.ts', import.meta.url);
const SHORTEST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 1_200;

/** Cuts connections, and kills processes that hold and wait, over and over. */
export class Kills {
  readonly counts: KillCounts;
  readonly #scene: Scene;
  readonly #stopped = pDefer<'stopped'>();
  readonly #ended: Promise<unknown>;

  constructor(scene: Scene, counts: KillCounts) {
    this.#scene = scene;
    this.counts = counts;
    this.#ended = Promise.all([this.#cutLinks(), this.#killProcesses()]);
    // Whoever stops it learns of a failure.
    this.#ended.catch(() => {});
  }

  /** Resolves when nothing is being killed any more; rejects if that went wrong at any time. */
  async stop(): Promise<void> {
    this.#stopped.resolve('stopped');
    await this.#ended;
  }

  async #cutLinks(): Promise<void> {
    const { redis, chance } = this.#scene;
    while (await this.#goesOn()) {
      // The server counts a connection that subscribes to anything as `pubsub`, and all others but ours as `normal`.
      const subscribers = chance.inThousand(500);
      const killed = subscribers
        ? await redis.client('KILL', 'TYPE', 'PUBSUB')
        : await redis.client('KILL', 'TYPE', 'NORMAL');
      this.counts[subscribers ? 'subscribers' : 'command links'] += Number(killed);
    }
  }

  async #killProcesses(): Promise<void> {
    const { url, retentionMs } = this.#scene;
    for (let goesOn = true; goesOn; ) {
      await using doomed = spawnClient<FromDoomed>(DOOMED, { args: [url, String(retentionMs)] });
      const held = await Promise.race([doomed.next('holds'), this.#stopped.promise]);
      if (held === 'stopped') return;
      // It is killed at the end of this round.
      goesOn = await this.#goesOn();
      this.counts.processes += 1;
    }
  }

  /** A pause, unless it is over. */
  async #goesOn(): Promise<boolean> {
    const pauseMs = this.#scene.chance.between(SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS);
    return (await Promise.race([sleep(pauseMs), this.#stopped.promise])) !== 'stopped';
  }
}
