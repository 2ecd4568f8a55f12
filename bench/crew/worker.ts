// A process of the benchmark: connects one contestant and does as it is told. Arguments: contestant, URL, mode.
import type { Redis } from 'ioredis';
import { connectRedis } from '../contestants/connect-redis.ts';
import type { Connection } from '../contestants/contestant.ts';
import { contestant } from '../contestants/registry.ts';
import { contend } from '../tasks/contend.ts';
import { count } from '../tasks/count.ts';
import { expire, join, pass } from '../tasks/crowd.ts';
import { drive, ping } from '../tasks/drive.ts';
import { footprint } from '../tasks/footprint.ts';
import { grab, keep, look, observe, park } from '../tasks/hold.ts';
import { relay } from '../tasks/relay.ts';
import type { Answer, Order, ParamsOf, ResultOf, TaskName } from './protocol.ts';

const [id = '', url = '', mode = ''] = process.argv.slice(2);
const options = { autoPipelining: mode === 'auto-pipelining' };

let connecting: Promise<Connection> | undefined;
let bare: Promise<Redis> | undefined;

function connection(): Promise<Connection> {
  connecting ??= contestant(id)
    .load()
    .then((connect) => connect(url, options));
  return connecting;
}

/** For what is measured without any lock. */
function redis(): Promise<Redis> {
  bare ??= connectRedis(url, options);
  return bare;
}

const TASKS: { [T in TaskName]: (params: ParamsOf<T>) => Promise<ResultOf<T>> } = {
  connect: async () => {
    await connection();
    return {};
  },
  drive: async (params) => drive(await connection(), params),
  ping: async (params) => ping(await redis(), params),
  relay: async (params) => relay(await redis(), params),
  contend: async (params) => contend(await connection(), params),
  park: async (params) => park(await connection(), params),
  look: async () => look(),
  grab: async (params) => grab(await connection(), params),
  join: async (params) => join(await connection(), params),
  pass: async (params) => pass(params),
  expire: async (params) => expire(await connection(), params),
  keep: async (params) => keep(await connection(), params),
  observe: async (params) => observe(params),
  count: async (params) => count(await connection(), params),
  footprint: async (params) => footprint(await connection(), params),
};

async function obey<T extends TaskName>({ id, task, params }: Order<T>): Promise<void> {
  try {
    send({ type: `answer ${id}`, result: await TASKS[task](params) });
  } catch (error) {
    send({ type: `answer ${id}`, error: error instanceof Error ? error.message : String(error) });
  }
}

function send(answer: Answer): void {
  if (process.connected) process.send?.(answer, undefined, undefined, () => {});
}

process.on('message', (order: Order) => void obey(order));
// The parent has let us go, or has died: either way nobody wants to know any more.
process.on('disconnect', () => process.exit());
// A promise that a library leaves without a handler fails the task at hand, by the time-out, and not the process.
process.on('unhandledRejection', () => {});
send({ type: 'ready' });
