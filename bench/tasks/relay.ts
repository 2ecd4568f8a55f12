import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { RelayParams } from '../crew/protocol.ts';
import { atUs, nowUs } from '../measure/clock.ts';

/** Time for the last message to come in, in ms. */
const GRACE_MS = 20;

/**
 * A handoff without a lock: whoever gets the message holds it for a while and publishes it to the next process. A
 * hop is what a handoff cannot be faster than: from the instant before it is published to the message event.
 */
export async function relay(redis: Redis, params: RelayParams): Promise<{ hops: number[] }> {
  const { channel, index, processes, holdMs, startAtUs, untilUs } = params;
  const hops: number[] = [];
  const next = `${channel}:${(index + 1) % processes}`;
  const pass = (): void => {
    const sentAt = nowUs();
    if (sentAt >= untilUs) return;
    void redis.publish(next, String(sentAt));
  };
  const subscriber = redis.duplicate();
  subscriber.on('message', (_channel: string, sentAt: string) => {
    hops.push(nowUs() - Number(sentAt));
    if (holdMs === 0) pass();
    else void pause(holdMs).then(pass);
  });
  await subscriber.subscribe(`${channel}:${index}`);
  await atUs(startAtUs);
  if (index === 0) pass();
  await atUs(untilUs);
  await pause(GRACE_MS + holdMs);
  subscriber.disconnect();
  await once(subscriber, 'end');
  return { hops };
}
