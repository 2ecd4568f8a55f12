// npx tsx examples/leader/main.ts [--redis URL]
//
// Three candidates for one job that only one may do at a time. The first leader is deposed, and does its work anew when it
// leads again; an observer says who leads.
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Leadership, LockClient, memoryBackend } from '../../src/index.ts';

const ELECTION = 'reports';
const TTL = 2_000;
const { values } = parseArgs({ options: { redis: { type: 'string' } } });

function connect(): LockClient {
  return new LockClient(values.redis ?? memoryBackend({ space: 'leader' }));
}

/** Some work in several parts. Throws when the leadership is lost: what comes after is another's to do. */
async function writeReports(name: string, { signal, fencingToken }: Leadership): Promise<string> {
  console.log(`${name} leads, fencing token ${fencingToken}`);
  for (let part = 1; part <= 3; part++) {
    signal.throwIfAborted();
    await pause(50, undefined, { signal });
  }
  return `${name} has written its reports`;
}

async function candidate(name: string, locks: LockClient): Promise<void> {
  const done = await locks.election(ELECTION).run(
    async (leadership) => {
      leadership.signal.addEventListener('abort', () => console.log(`${name} is deposed`));
      return writeReports(name, leadership);
    },
    { ttl: TTL },
  );
  console.log(done);
}

async function observe(locks: LockClient, signal: AbortSignal): Promise<void> {
  for await (const leader of locks.election(ELECTION).observe({ signal })) {
    console.log(leader ? `  seen: a leader with token ${leader.fencingToken}` : '  seen: nobody leads');
  }
}

const operator = connect();
const candidates = new Map(['Ann', 'Ben', 'Cem'].map((name) => [name, connect()]));
const over = new AbortController();
const observing = observe(operator, over.signal).catch((reason: unknown) => {
  if (reason !== over.signal.reason) throw reason;
});
try {
  const running = [...candidates].map(([name, locks]) => candidate(name, locks));
  await pause(100);
  // The lock of the same name is all that an election is.
  await operator.creator(ELECTION).forceRelease();
  await Promise.all(running);
} finally {
  over.abort();
  await observing;
  await Promise.all([operator, ...candidates.values()].map((locks) => locks.close()));
}
