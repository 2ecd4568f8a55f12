import { LockClient } from '../../src/index.ts';
import { until } from '../../test/support/wait.ts';
import type { Bench } from '../bench.ts';
import { SHARES } from '../contestants/registry.ts';
import { nowUs } from '../measure/clock.ts';
import { rounded, type Series, series } from '../measure/series.ts';

const PROCESSES = 4;
const EACH = 25;
const TTL_MS = 30_000;
const NAME = 'batch';

/** Readers that wait in line for a writer, all granted when it leaves. */
export interface ReaderBatch {
  readonly readers: number;
  readonly processes: number;
  /** Scripts that were run from the release until the last of them had the lock, the most of all rounds. */
  readonly scripts: number;
  /** From the call of release until the last of them had the lock, in µs. */
  readonly lastGrantUs: Series;
}

export async function measureReaders(bench: Bench): Promise<ReaderBatch> {
  const crew = await bench.crews.muster(SHARES.readers, PROCESSES);
  const client = new LockClient(bench.server.url);
  const { write } = client.readWriteLock(NAME);
  const scripts: number[] = [];
  const lastGrants: number[] = [];
  try {
    for (let round = 0; round < bench.settings.rounds; round++) {
      bench.progress.step('primitives: a batch of readers');
      const writer = await write.acquire(TTL_MS);
      const names = Array.from({ length: EACH }, () => NAME);
      const grabbing = crew.map((worker) =>
        worker.run('grab', { names, ttlMs: TTL_MS, waitMs: TTL_MS, apartMs: 0 }),
      );
      const readers = PROCESSES * EACH;
      await until(async () => (await write.inspect()).waiters === readers, { what: 'all readers in line' });
      let released = 0;
      const { result, commands } = await bench.server.record(async () => {
        released = nowUs();
        await writer.release();
        return Promise.all(grabbing);
      });
      scripts.push(commands.filter(({ name }) => name === 'evalsha').length);
      lastGrants.push(Math.max(...result.flatMap(({ grantedUs }) => grantedUs)) - released);
      await bench.server.flush();
    }
  } finally {
    await client.close();
  }
  return {
    readers: PROCESSES * EACH,
    processes: PROCESSES,
    scripts: Math.max(...scripts),
    lastGrantUs: series(lastGrants.map(rounded)),
  };
}
