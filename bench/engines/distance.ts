import { type FaultProxy, startProxy } from '../../test/support/proxy.ts';
import { type RedisServer, startRedis } from '../../test/support/redis-server.ts';
import { Crews } from '../crew/crews.ts';
import { figure } from '../reporting/format.ts';
import type { Table } from '../reporting/table.ts';
import { contend, roundTrip } from './figures.ts';

const SERVERS = 5;
/** How long a network may take in one direction, in ms; without one, servers and clients share the cores of this machine. */
const DELAYS_MS = [0, 1, 2, 5];
const WARM_UP_MS = 1_500;
const MEASURE_MS = 2_000;

/** A quorum's handoff over a bare round trip, with the servers nearer and farther away. */
export async function distanceTable(): Promise<Table> {
  const servers = await Promise.all(Array.from({ length: SERVERS }, () => startRedis()));
  try {
    const rows: string[][] = [];
    for (const delayMs of DELAYS_MS) rows.push(await rowAt(servers, delayMs));
    return {
      title: `Redlock, ${SERVERS} servers: handoff between two processes over a bare round trip`,
      head: [
        'network, one way, ms',
        'PING p50, ms',
        'handoff p50 / p99, ms',
        'handoff over a PING',
        'overlaps',
      ],
      rows,
      note: 'The network is a proxy before each server, which holds back what comes; its timers are of whole ms.',
    };
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function rowAt(servers: readonly RedisServer[], delayMs: number): Promise<string[]> {
  const proxies: FaultProxy[] = delayMs === 0 ? [] : await Promise.all(servers.map(startProxy));
  for (const proxy of proxies) proxy.delay(delayMs);
  const urls = proxies.length > 0 ? proxies.map(({ url }) => url) : servers.map(({ url }) => url);
  const crews = new Crews(`redlock://${urls.map((url) => new URL(url).host).join()}`);
  try {
    await contend(crews, 2, 1, WARM_UP_MS);
    const { latency, overlaps } = await contend(crews, 2, 1, MEASURE_MS);
    const ping = (await roundTrip({ bareUrl: urls[0] }, MEASURE_MS)) ?? Number.NaN;
    return [
      String(delayMs),
      figure(ping / 1_000),
      `${figure(latency.p50 / 1_000)} / ${figure(latency.p99 / 1_000)}`,
      `${figure(latency.p50 / ping)} ×`,
      figure(overlaps),
    ];
  } finally {
    await crews.close();
    await Promise.all(proxies.map((proxy) => proxy.stop()));
  }
}
