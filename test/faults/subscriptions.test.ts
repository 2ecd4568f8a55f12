import fc from 'fast-check';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { type Listener, Subscriber } from '../../src/redis/subscriber.ts';
import { ownRedis } from '../support/own-redis.ts';
import { until } from '../support/wait.ts';

const HISTORIES = 100;

const { redis } = await ownRedis();

/** Somebody who hears of a channel, or does not any more. */
class Ear implements Listener {
  readonly heard: string[] = [];
  /** As long as it listens. */
  confirmed: Promise<void> | undefined;

  onMessage(message: string): void {
    this.heard.push(message);
  }

  onRestored(): void {}
}

/** Comes or goes, whatever it did before; `waits` for an answer before the next does anything. */
const move = fc.record({
  channel: fc.constantFrom('one', 'other'),
  ear: fc.nat(1),
  waits: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, fc.constant(true)),
});

async function subscribed(): Promise<string> {
  return ((await redis.pubsub('SHARDCHANNELS')) as string[]).sort().join();
}

it('row 31: who comes while another leaves is heard, and whoever has left costs no channel, whatever the order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(move, { minLength: 2, maxLength: 12 }), async (moves) => {
      const subscriber = new Subscriber(redis, systemClock);
      const ears = { one: [new Ear(), new Ear()], other: [new Ear(), new Ear()] };
      try {
        for (const { channel, ear: index, waits } of moves) {
          const ear = ears[channel as 'one' | 'other'][index] as Ear;
          if (ear.confirmed) {
            const left = subscriber.unsubscribe(channel, ear);
            ear.confirmed = undefined;
            if (waits) await left;
          } else {
            ear.confirmed = subscriber.subscribe(channel, ear);
            if (waits) await ear.confirmed;
          }
        }
        // Whoever has left meanwhile may never be told.
        for (const { confirmed } of Object.values(ears).flat()) await confirmed;
        const wanted = Object.entries(ears).filter(([, pair]) => pair.some(({ confirmed }) => confirmed));
        const names = wanted.map(([name]) => name).join();
        expect(await subscribed()).toBe(names);
        for (const name of Object.keys(ears)) await redis.spublish(name, `to ${name}`);
        const all = Object.entries(ears).flatMap(([name, pair]) => pair.map((ear) => ({ name, ear })));
        const expected = all.map(({ name, ear }) => (ear.confirmed ? [`to ${name}`] : []));
        await until(() => all.every(({ ear }, index) => ear.heard.length >= expected[index]!.length), {
          what: 'the messages',
          timeout: 2_000,
        });
        expect(all.map(({ ear }) => ear.heard)).toEqual(expected);
      } finally {
        subscriber.close();
        await until(async () => (await subscribed()) === '', { what: 'the end of all subscriptions' });
      }
    }),
    { numRuns: HISTORIES },
  );
});
