// Uses locks in every way there is until it is told to rest. Arguments: URL, seed, retention in ms.
import { Redis } from 'ioredis';
import { LockClient, redisBackend } from '../../src/index.ts';
import { Chance } from '../chaos/chance.ts';
import { differences } from './differences.ts';
import { Mix } from './mix.ts';
import { Names } from './names.ts';
import type { FromClient, ToClient } from './orders.ts';
import { listenersOf, sampleClient } from './sample-client.ts';
import { backendOptions } from './settings.ts';
import { Tally } from './tally.ts';

const [url = '', seed = '', retention = ''] = process.argv.slice(2);
const redis = new Redis(url);
redis.on('error', () => {});
await redis.ping();
const untouched = listenersOf('redis', redis);
const options = backendOptions(Number(retention));
const chance = new Chance(Number(seed));
const stage = {
  ...{ url, options, redis, chance },
  locks: new LockClient(redisBackend(redis, options)),
  never: new AbortController().signal,
  names: new Names(chance),
  tally: new Tally(),
};
const mix = new Mix(stage);

const ORDERS: Record<ToClient['type'], () => Promise<void>> = {
  go: async () => mix.start(),
  rest: async () => {
    await mix.rest();
    tell({ type: 'rested' });
  },
  sample: async () => tell({ type: 'sample', sample: await sampleClient(stage) }),
  close: async () => {
    await stage.locks.close();
    const left = Object.fromEntries(differences(untouched, listenersOf('redis', redis)));
    redis.disconnect();
    process.off('disconnect', leave);
    // From here on it must end by itself.
    const { tally, names } = stage;
    tell({ type: 'closed', left, ends: tally.counts, names: names.soFar }, () => process.disconnect());
  },
};

function tell(message: FromClient, told?: () => void): void {
  process.send?.(message, undefined, undefined, told);
}

function obey({ type }: ToClient): void {
  void ORDERS[type]();
}

/** Nobody would end it any more. */
function leave(): void {
  process.exit();
}

process.on('disconnect', leave);
process.on('message', obey);
tell({ type: 'ready' });
