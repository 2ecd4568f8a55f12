import { setTimeout as pause } from 'node:timers/promises';
import { type FaultProxy, startProxy } from '../../support/proxy.ts';
import { startRedis } from '../../support/redis-server.ts';
import { type Fault, span } from '../fault.ts';
import { linkFaults } from '../link-faults.ts';
import { frozen, orderFaults } from '../redis-faults.ts';
import { LONGEST_TTL_MS } from '../workload.ts';
import type { Arena } from './arena.ts';
import { keysWithoutTtl } from './redis-keys.ts';
import { redisVersion } from './redis-version.ts';

const SERVERS = 5;

/** Five independent servers, and for each client a proxy to each. Never more than two of them forget at a time. */
export async function redlockArena(clients: number): Promise<Arena> {
  const servers = await Promise.all(Array.from({ length: SERVERS }, () => startRedis()));
  const links: FaultProxy[][] = [];
  for (let client = 0; client < clients; client++) {
    links.push(await Promise.all(servers.map((server) => startProxy(server))));
  }
  const urlOf = (hosts: readonly { host: string; port: number }[]) =>
    `redlock://${hosts.map(({ host, port }) => `${host}:${port}`).join()}`;
  const killed = (count: number): Fault => ({
    kind: `${count} of ${SERVERS} servers are killed and come back empty`,
    async inflict(chance) {
      const first = chance.between(0, SERVERS - 1);
      const hit = Array.from({ length: count }, (_, index) => servers[(first + index) % SERVERS]!);
      await Promise.all(hit.map((server) => server.kill()));
      // The documented rule: a server that has forgotten stays away for as long as the longest lease.
      await pause(LONGEST_TTL_MS + span(chance));
      await Promise.all(hit.map((server) => server.restart()));
    },
  });
  return {
    wayOf: (client) => ({ url: urlOf(links[client] ?? []) }),
    servers: `${SERVERS} × ${await redisVersion(servers[0]!)}`,
    clearWay: { url: urlOf(servers) },
    lanes: [
      linkFaults(links, { resp: true }),
      [killed(1), killed(2), frozen(servers)],
      servers.flatMap((server) => orderFaults(server)),
    ],
    leftovers: () => keysWithoutTtl(servers),
    async stop() {
      await Promise.all(links.flat().map((link) => link.stop()));
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}
