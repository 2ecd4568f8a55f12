// npx tsx examples/bullmq-job/main.ts [--redis URL]      (redis://localhost:6379 by default)
//
// Nine jobs for three customers, two workers that do four jobs at a time each. BullMQ sees to it that each job is done, the
// lock that no customer has two of them under way.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Queue, QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import { type Lock, LockClient } from '../../src/index.ts';
import { startWorker, type Task } from './worker.ts';

const { values } = parseArgs({ options: { redis: { type: 'string', default: 'redis://localhost:6379' } } });
const queueName = `tasks-${randomUUID()}`;
const busy = new Set<string>();

async function perform({ customer, step }: Task, lock: Lock): Promise<void> {
  if (busy.has(customer)) throw new Error(`two jobs of ${customer} at once`);
  busy.add(customer);
  await pause(20, undefined, { signal: lock.signal });
  busy.delete(customer);
  console.log(`${customer}: job ${step} is done`);
}

// BullMQ wants to ask for as long as it takes. One connection serves its commands and those of the locks.
const redis = new Redis(values.redis, { maxRetriesPerRequest: null });
// Without a server there is nothing to show.
redis.once('error', (error: NodeJS.ErrnoException) => {
  console.error(`jobs: no use of Redis: ${error.message || error.code}`);
  process.exit(2);
});
await redis.ping();

const locks = new LockClient(redis);
const queue = new Queue<Task>(queueName, { connection: redis });
const events = new QueueEvents(queueName, { connection: redis });
const workers = [1, 2].map(() => startWorker(queueName, redis, locks, perform));
try {
  const tasks = [1, 2, 3].flatMap((step) => ['Ann', 'Ben', 'Cem'].map((customer) => ({ customer, step })));
  const jobs = await queue.addBulk(tasks.map((data) => ({ name: 'task', data })));
  await Promise.all(jobs.map((job) => job.waitUntilFinished(events)));
  console.log('all jobs are done');
} finally {
  await Promise.all(workers.map((worker) => worker.close()));
  await events.close();
  await queue.obliterate({ force: true });
  await queue.close();
  await locks.close();
  redis.disconnect();
}
