import type { LockCreator } from '../../../src/index.ts';

interface SearchIndex {
  read(page: number, options: { signal: AbortSignal }): Promise<string[]>;
  write(rows: string[], options: { fencingToken: number }): Promise<void>;
}

export async function rebuild(creator: LockCreator, index: SearchIndex): Promise<void> {
  await creator.using(30_000, 5_000, async (lock) => {
    for (let page = 1; ; page++) {
      const rows = await index.read(page, { signal: lock.signal }); // ends with the lease
      if (rows.length === 0) return;
      lock.assertHeld();
      await index.write(rows, { fencingToken: lock.fencingToken });
    }
  });
}
