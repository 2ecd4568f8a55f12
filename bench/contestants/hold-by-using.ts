import pDefer from 'p-defer';
import type { Lease } from './contestant.ts';

/** A lease from a library that extends its locks only around a task: the task lasts until the release. */
export async function holdByUsing(using: (task: () => Promise<void>) => Promise<unknown>): Promise<Lease> {
  const held = pDefer<void>();
  const ended = pDefer<void>();
  const done = using(() => {
    held.resolve();
    return ended.promise;
  });
  await Promise.race([held.promise, done]);
  return {
    release: () => {
      ended.resolve();
      return done;
    },
  };
}
