// npx tsx examples/fenced-sql/main.ts [--redis URL]
//
// Two sellers, each with a connection of its own to one SQLite database. The first reads the stock and is then stopped for longer
// than its lease: a long garbage collection, a suspended machine. The second sells meanwhile. Then the first goes on where it was.
// Without the fence one sale is lost; with it the database refuses the first, which starts over.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { LockClient, LockError, LockLostError, memoryBackend } from '../../src/index.ts';
import { Fenced, Shop } from './shop.ts';

const TTL = 500;
const { values } = parseArgs({ options: { redis: { type: 'string' } } });
const memory = memoryBackend();
const folder = mkdtempSync(join(tmpdir(), 'batonlock-shop-'));
const file = join(folder, 'shop.sqlite');

/** One seller: reads the stock, is stopped for `stall` ms, and sells by what it has read. */
async function sell(
  locks: LockClient,
  item: number,
  customer: string,
  options: { stall: number; fenced: boolean },
) {
  using shop = new Shop(file);
  const lock = await locks.creator('shop').acquire(TTL, 5_000);
  const fence = options.fenced ? lock.fencingToken : undefined;
  try {
    const stock = shop.onShelf(item, fence);
    console.log(`  ${customer} reads a stock of ${stock}`);
    // Who is stopped does not refresh, hears no signal, and does not know of it afterwards.
    if (options.stall > 0) await pause(options.stall);
    shop.sell(item, customer, stock - 1, fence);
    console.log(`  ${customer} has sold one, ${stock - 1} left`);
  } finally {
    await lock.release().catch((error: unknown) => {
      if (!(error instanceof LockLostError)) throw error;
    });
  }
}

async function sellTwo(item: number, fenced: boolean): Promise<void> {
  console.log(fenced ? 'With the fence:' : 'Without the fence:');
  using shop = new Shop(file);
  shop.stock(item, 10);
  const [first, second] = [connect(), connect()];
  try {
    const slow = sell(first, item, 'Ann', { stall: 3 * TTL, fenced }).catch(async (error: unknown) => {
      if (!(error instanceof Fenced)) throw error;
      console.log(`  Ann is refused: ${error.message}`);
      await sell(first, item, 'Ann', { stall: 0, fenced });
    });
    await isHeld(second);
    await Promise.all([slow, sell(second, item, 'Ben', { stall: 0, fenced })]);
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
  console.log(`  sold ${shop.sold(item)} of 10, and the shelf says ${shop.onShelf(item)}`);
}

/** Resolves as soon as anybody has the lock. */
async function isHeld(locks: LockClient): Promise<void> {
  for await (const { holders } of locks.creator('shop').watch()) if (holders.length > 0) return;
}

function connect(): LockClient {
  return new LockClient(values.redis ?? memory);
}

try {
  // A server that cannot be used is better noticed before the shop opens.
  await using locks = connect();
  await locks.creator('shop').inspect();
  await sellTwo(1, false);
  await sellTwo(2, true);
} catch (error) {
  if (!(error instanceof LockError)) throw error;
  console.error(`shop: ${error.message}`);
  process.exitCode = 2;
} finally {
  rmSync(folder, { recursive: true });
}
