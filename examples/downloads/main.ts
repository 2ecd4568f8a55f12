// Twelve downloads in three processes' worth of clients, at most three at a time over all of them, and one big one.
//
//   npx tsx examples/downloads/main.ts                            in memory
//   npx tsx examples/downloads/main.ts --redis redis://localhost   over Redis
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { LockClient, LockError, memoryBackend } from '../../src/index.ts';

const CLIENTS = 3;
const FILES = 12;
const LINES = 3;

let busy = 0;
let most = 0;

/** One download; a big one takes all lines for itself, and is not overtaken by small ones that ask later. */
async function download(client: LockClient, mirror: string, file: string, lines = 1): Promise<void> {
  const semaphore = client.semaphore(mirror, LINES);
  await semaphore.using(
    10_000,
    3_000,
    async () => {
      busy += lines;
      most = Math.max(most, busy);
      await sleep(5 + Math.random() * 10);
      busy -= lines;
      console.log(`${file} is here`);
    },
    { units: lines },
  );
}

async function main(): Promise<void> {
  const mirror = `mirror-${randomUUID()}`;
  const files = Array.from({ length: FILES }, (_, index) => `file ${index + 1}`);
  const small = files.map((file, index) => download(clientAt(index), mirror, file));
  await Promise.all([...small, download(clientAt(0), mirror, 'the image', LINES)]);
  console.log(`never more than ${most} of ${LINES} lines were in use`);
}

const { values } = parseArgs({ options: { redis: { type: 'string' } } });
const memory = memoryBackend();
const clients = Array.from({ length: CLIENTS }, () => new LockClient(values.redis ?? memory));
const clientAt = (index: number): LockClient => clients[index % CLIENTS] as LockClient;
try {
  await main();
} catch (error) {
  if (!(error instanceof LockError)) throw error;
  console.error(`downloads: ${error.message}`);
  process.exitCode = 2;
} finally {
  await Promise.all(clients.map((client) => client.close()));
}
