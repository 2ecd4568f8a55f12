// npx tsx examples/cron-once/main.ts [--redis URL]
//
// Three instances of a service have the same cron job, here at each second. Each tick is served by one of them.
import { parseArgs } from 'node:util';
import { LockClient, LockError, memoryBackend } from '../../src/index.ts';
import { onceAtEachTick } from './once-at-each-tick.ts';

const TICKS = 3;
const { values } = parseArgs({ options: { redis: { type: 'string' } } });
const memory = memoryBackend();
const instances = ['Ann', 'Ben', 'Cem'].map((name) => ({
  name,
  locks: new LockClient(values.redis ?? memory),
}));

try {
  // A server that cannot be used is better noticed before the first tick.
  for (const { locks } of instances) await locks.creator('report').inspect();
  const served: string[] = [];
  await new Promise<void>((resolve) => {
    const crons = instances.map(({ name, locks }) =>
      onceAtEachTick(locks, 'report', '* * * * * *', async (tick) => {
        // Several may be at work, each at a tick of its own, when the show is over.
        if (served.length === TICKS) return;
        served.push(tick);
        console.log(`${tick}: the report is written by ${name}`);
        if (served.length < TICKS) return;
        for (const cron of crons) cron.stop();
        resolve();
      }),
    );
  });
} catch (error) {
  if (!(error instanceof LockError)) throw error;
  console.error(`cron: ${error.message}`);
  process.exitCode = 2;
} finally {
  await Promise.all(instances.map(({ locks }) => locks.close()));
}
