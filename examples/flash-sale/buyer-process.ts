import type { Redis } from 'ioredis';
import { LockCreator, redisBackend } from '../../src/index.ts';
import { Buyers, type BuyersReport } from './buyers.ts';
import { connect, explain } from './connect.ts';
import { type Answer, LOCK_NAME, type Order } from './orders.ts';
import { RedisShop } from './redis-shop.ts';

// Run by a `BuyerCrew`, which gives it its orders: one process with its share of the buyers.

const PROGRESS_INTERVAL_MS = 50;
/** A fence has to outlive its lease, but not by the usual hour: the demo leaves nothing behind. */
const FENCE_RETENTION_MS = 60_000;

interface Place {
  readonly redis: Redis;
  readonly shop: RedisShop;
  readonly lock: LockCreator;
}

let place: Place | undefined;

async function obey(order: Order): Promise<Answer> {
  if (order.type === 'open') {
    place = await open(order.url, order.prefix);
    return { type: 'ready' };
  }
  if (!place) throw new Error('told to serve before the shop is open');
  return { type: 'done', report: await serve(place, order.buyers, order.locked) };
}

async function open(url: string, prefix: string): Promise<Place> {
  const redis = await connect(url);
  const backend = redisBackend(redis, { prefix, fenceRetention: FENCE_RETENTION_MS });
  return { redis, shop: new RedisShop(redis, prefix), lock: new LockCreator(LOCK_NAME, backend) };
}

async function serve({ shop, lock }: Place, count: number, locked: boolean): Promise<BuyersReport> {
  let served = 0;
  const progress = setInterval(() => tell({ type: 'served', served }), PROGRESS_INTERVAL_MS);
  try {
    return await new Buyers(shop, locked ? lock : undefined).serve(count, (servedNow) => {
      served = servedNow;
    });
  } finally {
    clearInterval(progress);
  }
}

function tell(answer: Answer): void {
  // A parent that has gone needs no answer, and `disconnect` is about to tell us.
  if (process.connected) process.send?.(answer, undefined, undefined, () => {});
}

async function leave(): Promise<void> {
  await place?.lock.close();
  place?.redis.disconnect();
}

process.on('message', (order: Order) => {
  obey(order).then(tell, (error: unknown) => tell({ type: 'failed', reason: explain(error) }));
});
// The parent lets us go, or has died: either way nobody waits for these buyers any more.
process.on('disconnect', () => void leave().finally(() => process.exit()));
// Ctrl-C reaches the whole group; the parent decides what becomes of us.
process.on('SIGINT', () => {});
