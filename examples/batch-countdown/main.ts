// A batch of items is split over workers, and whoever has ordered it goes on as soon as the last item is done.
//
//   npx tsx examples/batch-countdown/main.ts                            in memory
//   npx tsx examples/batch-countdown/main.ts --redis redis://localhost   over Redis, a client for each worker
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { CounterExpiredError, LockClient, LockError, memoryBackend } from '../../src/index.ts';

const WORKERS = 4;
const ITEMS = 20;

/** A worker, on a client of its own: takes items until there are none, and counts each down when it is done. */
async function work(worker: number, batch: string, items: string[]): Promise<void> {
  await using client = connect();
  const remaining = client.counter(batch, { ttl: 5_000 });
  for (let item = items.shift(); item !== undefined; item = items.shift()) {
    await sleep(5 + Math.random() * 20);
    console.log(`worker ${worker} has done ${item}, ${await remaining.decrement()} left`);
  }
}

/** The batch is done: who waits for it is told by the server, at the last decrement. */
async function finish(client: LockClient, batch: string): Promise<void> {
  const items = Array.from({ length: ITEMS }, (_, index) => `item ${index + 1}`);
  const remaining = client.counter(batch, { ttl: 5_000 });
  await remaining.set(items.length);
  const workers = Array.from({ length: WORKERS }, (_, index) => work(index + 1, batch, items));
  await Promise.all([remaining.wait(), ...workers]);
  console.log(`all ${ITEMS} items are done`);
  await remaining.delete();
}

/** The workers have died: without a change for the TTL the counter expires, and who waits learns of it. */
async function abandon(client: LockClient, batch: string): Promise<void> {
  const remaining = client.counter(batch, { ttl: 300 });
  await remaining.set(3);
  await remaining.decrement();
  try {
    await remaining.wait();
  } catch (error) {
    if (!(error instanceof CounterExpiredError)) throw error;
    console.log('the other batch was given up by its workers, and has to be started again');
  }
}

const { values } = parseArgs({ options: { redis: { type: 'string' } } });
const memory = memoryBackend();
const connect = (): LockClient => new LockClient(values.redis ?? memory);
const client = connect();
try {
  await finish(client, `batch-${randomUUID()}`);
  await abandon(client, `batch-${randomUUID()}`);
} catch (error) {
  if (!(error instanceof LockError)) throw error;
  console.error(`batch countdown: ${error.message}`);
  process.exitCode = 2;
} finally {
  await client.close();
}
