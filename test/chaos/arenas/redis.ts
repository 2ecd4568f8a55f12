import { freePort } from '../../support/free-port.ts';
import { type FaultProxy, startProxy } from '../../support/proxy.ts';
import { startRedis } from '../../support/redis-server.ts';
import { linkFaults } from '../link-faults.ts';
import { deafness, frozen, orderFaults, soloFaults } from '../redis-faults.ts';
import type { Arena } from './arena.ts';
import { keysWithoutTtl } from './redis-keys.ts';
import { redisVersion } from './redis-version.ts';

/** One Redis that writes down everything before it answers, and for each client a proxy for commands and one for messages. */
export async function redisArena(clients: number): Promise<Arena> {
  const server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  const links: FaultProxy[][] = [];
  for (let client = 0; client < clients; client++) {
    links.push([await startProxy(server), await startProxy(server)]);
  }
  const subscribers = links.flatMap(([, subscriber]) => subscriber ?? []);
  return {
    wayOf(client) {
      const [commands, subscriber] = links[client] ?? [];
      if (!commands || !subscriber) throw new Error(`there is no client ${client}`);
      return { ports: { commands: commands.port, subscriber: subscriber.port } };
    },
    servers: await redisVersion(server),
    clearWay: { url: server.url },
    lanes: [
      [...linkFaults(links, { resp: true }), deafness(subscribers)],
      [...orderFaults(server), frozen([server]), ...soloFaults(server, await freePort())],
    ],
    leftovers: () => keysWithoutTtl([server]),
    async stop() {
      await Promise.all(links.flat().map((link) => link.stop()));
      await server.stop();
    },
  };
}
