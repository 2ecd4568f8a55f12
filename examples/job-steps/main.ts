// npx tsx examples/job-steps/main.ts [--redis URL]
//
// An order is packed here and shipped elsewhere: with --redis in another process, else by another client. The lock goes with
// the job, so a customer who wants to cancel in between has to wait until it is shipped.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LockClient, memoryBackend } from '../../src/index.ts';
import { type Job, ship } from './ship.ts';

const { values } = parseArgs({ options: { redis: { type: 'string' } } });

function connect(): LockClient {
  return new LockClient(values.redis ?? memoryBackend({ space: 'job-steps' }));
}

/** Packs an order, and gives the message for the queue. From then on the lock is no longer ours. */
async function pack(locks: LockClient, order: number): Promise<string> {
  const lock = (await locks.creator(`order:${order}`).acquire(10_000)).autoRefresh();
  console.log(`order ${order}: packed by process ${process.pid}, fencing token ${lock.fencingToken}`);
  return JSON.stringify({ order, lease: lock.toJSON() } satisfies Job);
}

async function cancel(locks: LockClient, order: number): Promise<void> {
  await using lock = await locks.creator(`order:${order}`).acquire(10_000);
  console.log(`order ${order}: too late to cancel, fencing token ${lock.fencingToken}`);
}

/** The job queue: takes the message to whoever does the next step, and waits until it is done. */
async function deliver(message: string): Promise<void> {
  if (values.redis === undefined) {
    await using locks = connect();
    return await ship(locks, message);
  }
  const worker = fork(fileURLToPath(new URL('./ship.ts', import.meta.url)), [values.redis]);
  worker.send(message);
  const [status] = await once(worker, 'exit');
  if (status !== 0) throw new Error(`the next step has failed: ${status}`);
}

await using customer = connect();
const packing = connect();
const message = await pack(packing, 42);
const cancelling = cancel(customer, 42);
// The process that has packed may go; the lease is not its own any more.
await packing.close();
await deliver(message);
await cancelling;
