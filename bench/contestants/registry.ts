import { readFileSync } from 'node:fs';
import type { Contestant } from './contestant.ts';

const EVERY_10_MS = 'retries every 10 ms';

/** Everybody who takes part, in the order of the report. Libraries are loaded only where they run. */
export const CONTESTANTS: readonly Contestant[] = [
  {
    id: 'batonlock',
    kind: 'ours',
    packageName: 'batonlock',
    note: 'queue on the server, release hands over',
    ioredis: true,
    load: async () => (await import('./batonlock.ts')).connect,
  },
  {
    id: 'polling 10 ms',
    kind: 'polling',
    note: 'our own SET NX PX, retry every 10 ms ± 50 %, compare-and-delete',
    ioredis: true,
    load: async () => (await import('./polling.ts')).polling(10),
  },
  {
    id: 'polling 100 ms',
    kind: 'polling',
    note: 'the same with a retry every 100 ms ± 50 %',
    ioredis: true,
    load: async () => (await import('./polling.ts')).polling(100),
  },
  {
    id: 'redlock',
    kind: 'peer',
    packageName: 'redlock',
    note: `${EVERY_10_MS} ± 5 (its default is 200)`,
    ioredis: true,
    load: async () => (await import('./redlock.ts')).connectRedlock((await import('redlock')).default),
  },
  {
    id: '@sesamecare-oss/redlock',
    kind: 'peer',
    packageName: '@sesamecare-oss/redlock',
    note: `${EVERY_10_MS} ± 5 (its default is 200)`,
    ioredis: true,
    load: async () =>
      (await import('./redlock.ts')).connectRedlock((await import('@sesamecare-oss/redlock')).Redlock),
  },
  {
    id: 'redlock-universal',
    kind: 'peer',
    packageName: 'redlock-universal',
    note: `"lean" mode, ${EVERY_10_MS} (its default is 100)`,
    ioredis: true,
    load: async () => (await import('./redlock-universal.ts')).connect,
  },
  {
    id: 'redis-semaphore',
    kind: 'peer',
    packageName: 'redis-semaphore',
    note: `${EVERY_10_MS} (its default), without automatic refresh`,
    ioredis: true,
    load: async () => (await import('./redis-semaphore.ts')).connect,
  },
  {
    id: 'simple-redis-mutex',
    kind: 'peer',
    packageName: 'simple-redis-mutex',
    note: 'on node-redis; a release wakes all waiters, and all retry every 10 s (its default)',
    ioredis: false,
    load: async () => (await import('./simple-redis-mutex.ts')).connect,
  },
  {
    id: 'node-redisson',
    kind: 'peer',
    packageName: 'node-redisson',
    note: 'a release wakes waiters, its defaults',
    ioredis: true,
    tokenOf: (command) => command.find((argument) => /^[0-9a-f-]{36}:[0-9a-f-]{36}$/.test(argument)),
    load: async () => (await import('./node-redisson.ts')).connect,
  },
  {
    id: '@verrou/core',
    kind: 'peer',
    packageName: '@verrou/core',
    note: `${EVERY_10_MS} (its default is 250)`,
    ioredis: true,
    load: async () => (await import('./verrou.ts')).connect,
  },
];

/** What the others are measured against; takes no part in anything that waits. */
export const BARE: Contestant = {
  id: 'bare pair',
  kind: 'bare',
  note: 'SET NX PX and a compare-and-delete script, nothing else',
  ioredis: true,
  load: async () => (await import('./bare-pair.ts')).connect,
};

/** What the bare pair takes where it stays awake for its answers, as we do. */
export const BARE_AWAKE: Contestant = {
  id: 'bare pair, awake',
  kind: 'bare',
  note: 'the bare pair of a process that never sleeps',
  ioredis: true,
  load: async () => (await import('./bare-pair.ts')).connectAwake,
};

/** What our protocol takes without a library around it; measured where two processes hand a lock back and forth. */
export const BARE_HANDOFF: Contestant = {
  id: 'bare handoff',
  kind: 'bare',
  note: 'the calls of our scripts and nothing around them, without a check or a timeout',
  ioredis: true,
  load: async () => (await import('./bare-handoff.ts')).connect,
};

/** Ours, on whatever engine the URL names. */
export const ENGINE: Contestant = {
  id: 'engine',
  kind: 'ours',
  note: 'by URL',
  ioredis: false,
  load: async () => (await import('./engine.ts')).connect,
};

/** Ours as other things than a mutex. */
export const SHARES = {
  pairs: share('a semaphore of 3, by two', async () => (await import('./shares.ts')).connectPairs),
  permits: share('a semaphore of 5', async () => (await import('./shares.ts')).connectPermits),
  readers: share('readers', async () => (await import('./shares.ts')).connectReaders),
  writers: share('writers', async () => (await import('./shares.ts')).connectWriters),
  leaders: share('leaders', async () => (await import('./shares.ts')).connectLeaders),
};

function share(id: string, load: Contestant['load']): Contestant {
  return { id, kind: 'ours', note: 'ours', ioredis: true, load };
}

export const OURS = contestant('batonlock');

export function contestant(id: string): Contestant {
  const found = [...CONTESTANTS, BARE, BARE_AWAKE, BARE_HANDOFF, ENGINE, ...Object.values(SHARES)].find(
    (candidate) => candidate.id === id,
  );
  if (!found) throw new Error(`there is no contestant "${id}"`);
  return found;
}

/** The version of what is measured, from the package's own package.json. */
export function versionOf({ packageName, kind }: Contestant): string | undefined {
  if (packageName === undefined) return undefined;
  const place = kind === 'ours' ? '../../package.json' : `../../node_modules/${packageName}/package.json`;
  return packageVersion(new URL(place, import.meta.url));
}

export function packageVersion(file: URL): string {
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return version.replace(/^v/, '');
}
