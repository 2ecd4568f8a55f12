// Workers that share one stock of parts, and what Prometheus would read of their locks while they work.
//
//   npx tsx examples/metrics/main.ts                            in memory
//   npx tsx examples/metrics/main.ts --redis redis://localhost   over Redis
//   npx tsx examples/metrics/main.ts --port 9464 --seconds 60    long enough to look at http://localhost:9464/metrics
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { LockClient, LockError, memoryBackend } from '../../src/index.ts';
import { startTelemetry } from '../../src/observe/opentelemetry.ts';

const WORKERS = 4;

/** Takes parts until it is time to stop. */
async function work(client: LockClient, stock: string, until: number): Promise<void> {
  const parts = client.creator(stock, { group: 'stock' });
  while (Date.now() < until) await parts.using(10_000, 10_000, () => sleep(5 + Math.random() * 5));
}

/** One falls asleep with the stock in its hands: its lease runs out, and the next in line finds out; another does not wait. */
async function fallAsleep(client: LockClient, stock: string): Promise<void> {
  const parts = client.creator(stock, { group: 'stock' });
  const lock = await parts.acquire(2_000, 3_000);
  await parts.acquire(10_000, 0).catch((error: LockError) => console.log(`not now: ${error.code}`));
  await parts.using(10_000, 10_000, () => {});
  await lock.release().catch((error: LockError) => console.log(`the stock was lost: ${error.code}`));
}

async function main(metricsUrl: string, clients: readonly LockClient[], seconds: number): Promise<void> {
  const stock = `bolts-${randomUUID()}`;
  const first = clients[0] as LockClient;
  await fallAsleep(first, stock);
  const until = Date.now() + seconds * 1_000;
  await Promise.all(clients.map((client) => work(client, stock, until)));
  const kept = await first.creator('van', { group: 'fleet' }).acquire(10_000);
  const scraped = await (await fetch(metricsUrl)).text();
  console.log(
    scraped
      .split('\n')
      .filter((line) => line.includes('batonlock_'))
      .join('\n'),
  );
  await kept.release();
}

const { values } = parseArgs({
  options: {
    redis: { type: 'string' },
    port: { type: 'string', default: '0' },
    seconds: { type: 'string', default: '1' },
  },
});
// The exporter could listen by itself; like this it can be a route of a server that there is already.
const exporter = new PrometheusExporter({ preventServerStart: true });
const server = createServer((request, response) => exporter.getMetricsRequestHandler(request, response));
await once(server.listen(Number(values.port), '127.0.0.1'), 'listening');
const metricsUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
console.log(`metrics: ${metricsUrl}`);

const meterProvider = new MeterProvider({ readers: [exporter] });
// One series for each group, and not for each lock.
const stop = startTelemetry({ meterProvider, lockLabel: (name) => name.split('/')[0] });

const memory = memoryBackend();
const clients = Array.from({ length: WORKERS }, () => new LockClient(values.redis ?? memory));
try {
  await main(metricsUrl, clients, Number(values.seconds));
} catch (error) {
  if (!(error instanceof LockError)) throw error;
  console.error(`metrics: ${error.message}`);
  process.exitCode = 2;
} finally {
  await Promise.all(clients.map((client) => client.close()));
  stop();
  await meterProvider.shutdown();
  server.close();
}
