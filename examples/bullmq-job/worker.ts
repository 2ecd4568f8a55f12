import { DelayedError, type Job, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { type Lock, type LockClient, LockTimeoutError } from '../../src/index.ts';

const TTL = 10_000;
/** So long a job waits in line; then its worker takes another job meanwhile. */
const PATIENCE = 2_000;
/** After this the job is looked at again. */
const LATER = 1_000;

/** A job: something to be done for one customer. */
export interface Task {
  readonly customer: string;
  readonly step: number;
}

export type Perform = (task: Task, lock: Lock) => Promise<void>;

/** A worker that does the tasks of different customers side by side, and those of one customer one at a time. */
export function startWorker(
  queue: string,
  connection: Redis,
  locks: LockClient,
  perform: Perform,
): Worker<Task> {
  return new Worker<Task>(queue, (job, token) => performAlone(job, token, locks, perform), {
    connection,
    concurrency: 4,
  });
}

async function performAlone(
  job: Job<Task>,
  token: string | undefined,
  locks: LockClient,
  perform: Perform,
): Promise<void> {
  try {
    await locks
      .creator(job.data.customer, { group: 'customer' })
      .using(TTL, PATIENCE, (lock) => perform(job.data, lock));
  } catch (error) {
    if (!(error instanceof LockTimeoutError)) throw error;
    await job.moveToDelayed(Date.now() + LATER, token);
    throw new DelayedError();
  }
}
