// Holds locks and waits for others, until it is killed. Arguments: URL, retention in ms.
import { setTimeout as sleep } from 'node:timers/promises';
import { LockClient, LockError, redisBackend } from '../../src/index.ts';
import { DOOMED_NAMES } from './names.ts';
import { backendOptions } from './settings.ts';
import { crowd } from './stage.ts';

export type FromDoomed = { readonly type: 'holds' };

/** Others must wait for so long for what it holds when it dies. */
const TTL = 1_000;
const RIVALS = 4;

const [url = '', retention = ''] = process.argv.slice(2);
const locks = new LockClient(redisBackend(url, backendOptions(Number(retention))));
process.on('disconnect', () => process.exit());

let told = false;

async function takeTurns(name: string): Promise<never> {
  for (;;) {
    try {
      const lock = await locks.creator(name).acquire(TTL);
      if (!told) process.send?.({ type: 'holds' } satisfies FromDoomed);
      told = true;
      await sleep(20);
      await lock.release();
    } catch (error) {
      if (!(error instanceof LockError)) throw error;
    }
  }
}

await Promise.all(DOOMED_NAMES.map((name) => crowd(RIVALS, () => takeTurns(name))));
