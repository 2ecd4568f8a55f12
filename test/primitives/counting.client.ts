// One client process that works off its part of a batch: many consumers who each count down one item after another, and
// as many who wait for the end.
import { backendFromUrl, LockClient } from '../../src/index.ts';

export type ToConsumers = {
  readonly type: 'go';
  readonly name: string;
  readonly consumers: number;
  /** For each consumer. */
  readonly items: number;
};

export type FromConsumers =
  | { readonly type: 'ready' }
  | {
      readonly type: 'done';
      /** What each decrement answered. */
      readonly left: readonly number[];
      /** How many of those who waited for 0 were released. */
      readonly released: number;
    };

const TTL = 60_000;
const [url = ''] = process.argv.slice(2);
const client = new LockClient(await backendFromUrl(url));

async function work({ name, consumers, items }: ToConsumers): Promise<void> {
  const counter = client.counter(name, { ttl: TTL });
  const left: number[] = [];
  let released = 0;
  const consume = async () => {
    for (let item = 0; item < items; item++) left.push(await counter.decrement());
  };
  const wait = async () => {
    await counter.wait();
    released += 1;
  };
  const all = Array.from({ length: consumers }, () => [wait(), consume()]);
  await Promise.all(all.flat());
  send({ type: 'done', left, released });
}

function send(message: FromConsumers): void {
  process.send?.(message);
}

process.on('message', (message: ToConsumers) => void work(message));
// So that connections are there before anything is counted.
await client.counter(`warm-up-${process.pid}`, { ttl: 1_000 }).get();
send({ type: 'ready' });
