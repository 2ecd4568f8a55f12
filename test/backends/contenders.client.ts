// One client process of the contention tests: many workers that want the same lock, again and again.
import { LockClient } from '../../src/index.ts';

export type ToContenders = {
  readonly type: 'go';
  readonly name: string;
  readonly workers: number;
  readonly rounds: number;
};

export type FromContenders =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly grants: { readonly owner: string; readonly fencingToken: number }[] };

const [url = ''] = process.argv.slice(2);
const client = new LockClient(url);

/** Somebody has to wait once, so that the inbox is open before anything is counted. */
async function warmUp(): Promise<void> {
  const creator = client.creator(`warm-up-${process.pid}`);
  const lock = await creator.acquire(30_000);
  const next = creator.acquire(30_000);
  while ((await creator.inspect()).waiters === 0);
  await lock.release();
  await (await next).release();
}

async function contend({ name, workers, rounds }: ToContenders): Promise<void> {
  const creator = client.creator(name);
  const grants: { owner: string; fencingToken: number }[] = [];
  const work = async () => {
    for (let round = 0; round < rounds; round++) {
      const lock = await creator.acquire(60_000);
      grants.push({ owner: lock.owner, fencingToken: lock.fencingToken });
      await lock.release();
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  send({ type: 'done', grants });
}

function send(message: FromContenders): void {
  process.send?.(message);
}

process.on('message', (message: ToContenders) => void contend(message));
await warmUp();
send({ type: 'ready' });
