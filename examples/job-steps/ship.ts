import { LockClient, type LockJson } from '../../src/index.ts';

/** What goes from one step to the next. */
export interface Job {
  readonly order: number;
  readonly lease: LockJson;
}

/** The next step: goes on with the lease, and releases it at the end. */
export async function ship(locks: LockClient, message: string): Promise<void> {
  const { order, lease } = JSON.parse(message) as Job;
  await using lock = (await locks.resume(lease)).autoRefresh();
  console.log(`order ${order}: shipped by process ${process.pid}, fencing token ${lock.fencingToken}`);
}

// As a process of its own: one message, one job.
if (process.send) {
  process.once('message', async (message: string) => {
    await using locks = new LockClient(process.argv[2] ?? '');
    await ship(locks, message);
    process.disconnect();
  });
}
