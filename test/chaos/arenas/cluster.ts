import { setTimeout as pause } from 'node:timers/promises';
import { ask } from '../../support/ask.ts';
import { startRedisCluster } from '../../support/redis-cluster.ts';
import { until } from '../../support/wait.ts';
import { type Fault, insist } from '../fault.ts';
import { orderFaults } from '../redis-faults.ts';
import { NAMES } from '../workload.ts';
import type { Arena } from './arena.ts';
import { keysWithoutTtl } from './redis-keys.ts';
import { redisVersion } from './redis-version.ts';
import { connectionFaults } from './sentinel.ts';

const SETTLE_MS = 3_000;
/** A server gives up an ordered handover after 5 s, as where its master was stopped meanwhile. */
const ORDER_TIMES_OUT_MS = 6_000;

/** Three masters with a replica each. */
export async function clusterArena(): Promise<Arena> {
  const cluster = await startRedisCluster();
  const { servers } = cluster;
  const url = `redis+cluster://${servers.map(({ host, port }) => `${host}:${port}`).join()}`;
  const failover: Fault = {
    kind: 'a master is killed, and its replica takes over',
    async inflict(chance) {
      const key = `{${chance.of(NAMES)}}`;
      const master = await cluster.masterOf(key);
      await master.kill();
      await until(async () => (await cluster.masterOf(key)) !== master, {
        what: 'a failover',
        timeout: 20_000,
      });
      await master.revive();
      await cluster.agreed();
      await pause(SETTLE_MS);
      return { forgets: true };
    },
  };
  const order: Fault = {
    kind: 'a replica is told to take over',
    async inflict(chance) {
      const key = `{${chance.of(NAMES)}}`;
      const master = await cluster.masterOf(key);
      const id = /\$\d+\r\n(\w+)/.exec(await insist(() => ask(master, 'CLUSTER MYID')))?.[1];
      for (const server of servers) {
        const role = await insist(() => ask(server, 'CLUSTER NODES'));
        if (!new RegExp(`myself,slave ${id} `).test(role)) continue;
        // The master stops its clients until the replica has all it has: nothing is forgotten.
        let askedAt = Number.NEGATIVE_INFINITY;
        const tookOver = async () => {
          if ((await cluster.masterOf(key)) === server) return true;
          if (performance.now() < askedAt + ORDER_TIMES_OUT_MS) return false;
          askedAt = performance.now();
          await insist(() => ask(server, 'CLUSTER FAILOVER'));
          return false;
        };
        await until(tookOver, { what: 'a handover', timeout: 60_000 });
        return;
      }
    },
  };
  const move: Fault = {
    kind: 'a slot moves to another master',
    async inflict(chance) {
      const key = `baton:{${chance.of(NAMES)}}`;
      const other = await cluster.masterOf(`{${chance.of(NAMES)}}`);
      await cluster.move(key, other);
    },
  };
  return {
    wayOf: () => ({ url }),
    servers: `${await redisVersion(cluster.servers[0]!)}, three masters with a replica each`,
    clearWay: { url },
    lanes: [
      [failover, order, move, move],
      servers.flatMap((server) => connectionFaults(orderFaults(server))),
    ],
    leftovers: () => keysWithoutTtl(servers),
    stop: () => cluster.stop(),
  };
}
