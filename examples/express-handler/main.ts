// npx tsx examples/express-handler/main.ts [--redis URL]
//
// Five impatient clicks on "pay" reach two instances of a service at the same time. The order is charged once, and all five
// are answered.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { LockClient, LockError, memoryBackend } from '../../src/index.ts';
import { paymentApp } from './app.ts';

const { values } = parseArgs({ options: { redis: { type: 'string' } } });
const memory = memoryBackend();
const clients = [1, 2].map(() => new LockClient(values.redis ?? memory));
/** The database of the service, which both instances use. */
const paid = new Set<string>();

async function charge(order: string, { signal }: { signal: AbortSignal }): Promise<void> {
  await pause(50, undefined, { signal });
  console.log(`order ${order} is charged`);
}

async function listen(locks: LockClient): Promise<Server> {
  const server = createServer(paymentApp(locks, paid, charge)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function pay(server: Server, order: string): Promise<void> {
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/orders/${order}/payment`, { method: 'POST' });
  console.log(`${response.status} ${await response.text()}`);
}

const servers = await Promise.all(clients.map(listen));
try {
  // A server that cannot be used is better noticed before the first customer comes.
  await clients[0]?.creator('42', { group: 'payment' }).inspect();
  await Promise.all([0, 1, 0, 1, 0].map((index) => pay(servers[index] as Server, '42')));
} catch (error) {
  if (!(error instanceof LockError)) throw error;
  console.error(`payments: ${error.message}`);
  process.exitCode = 2;
} finally {
  for (const server of servers) server.close();
  await Promise.all(clients.map((client) => client.close()));
}
