// Workers read a configuration together; whoever changes it has it alone, and checks the change as a reader among others.
//
//   npx tsx examples/live-config/main.ts                            in memory
//   npx tsx examples/live-config/main.ts --redis redis://localhost   over Redis
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { LockClient, LockError, memoryBackend } from '../../src/index.ts';

const WORKERS = 4;
const TTL = 10_000;
const PATIENCE = 3_000;

/** Two fields that belong together. */
const config = { host: 'one', port: 1 };

/** Reads both fields with a pause in between: without the lock it would see halves of two configurations. */
async function serve(client: LockClient, name: string, worker: number): Promise<void> {
  const { read } = client.readWriteLock(name);
  await read.using(TTL, PATIENCE, async () => {
    const { host } = config;
    await sleep(5);
    console.log(`worker ${worker} serves ${host}:${config.port}`);
  });
}

async function change(client: LockClient, name: string): Promise<void> {
  const { write } = client.readWriteLock(name);
  await using lock = await write.acquire(TTL, PATIENCE);
  config.host = 'two';
  await sleep(5);
  config.port = 2;
  console.log('the configuration is changed');
  // From here on others may read, but nobody can change it before it is checked.
  await lock.downgrade();
  await sleep(5);
  console.log(`checked ${config.host}:${config.port}`);
}

async function main(): Promise<void> {
  const name = `config-${randomUUID()}`;
  const [first, ...others] = clients as [LockClient, ...LockClient[]];
  const serveAll = () => clients.map((client, index) => serve(client, name, index + 1));
  const before = serveAll();
  await Promise.race(before);
  const changing = change(others[0] ?? first, name);
  await Promise.all([...before, ...serveAll(), changing]);
  await Promise.all(serveAll());
}

const { values } = parseArgs({ options: { redis: { type: 'string' } } });
const memory = memoryBackend();
const clients = Array.from({ length: WORKERS }, () => new LockClient(values.redis ?? memory));
try {
  await main();
} catch (error) {
  if (!(error instanceof LockError)) throw error;
  console.error(`live config: ${error.message}`);
  process.exitCode = 2;
} finally {
  await Promise.all(clients.map((client) => client.close()));
}
