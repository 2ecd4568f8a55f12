import { setTimeout as pause } from 'node:timers/promises';
import { ask, says } from '../../support/ask.ts';
import { startSentinel } from '../../support/sentinel.ts';
import { until } from '../../support/wait.ts';
import type { Fault } from '../fault.ts';
import { orderFaults } from '../redis-faults.ts';
import type { Arena } from './arena.ts';
import { keysWithoutTtl } from './redis-keys.ts';
import { redisVersion } from './redis-version.ts';

/** Sentinels look at servers that came back only now and then. */
const CONVERSION_TIMEOUT_MS = 60_000;
/** Sentinels do not begin another failover of a master very soon. */
const BETWEEN_FAILOVERS_MS = 5_000;

/** A master, two replicas and three Sentinels. What the old master knew and nobody else may be forgotten. */
export async function sentinelArena(): Promise<Arena> {
  const group = await startSentinel();
  const url = `redis+sentinel://${group.sentinels.map(({ host, port }) => `${host}:${port}`).join()}/${group.name}`;
  const servers = [group.master, ...group.replicas];
  // For ten seconds or so the old master goes on as one; and one that does not answer may be one as well.
  const oneMaster = async () => {
    const count = async (role: RegExp) =>
      (await Promise.all(servers.map((server) => says(server, 'ROLE', role)))).filter(Boolean).length;
    return (await count(/master/)) === 1 && (await count(/slave/)) === servers.length - 1;
  };
  const failover = (kind: string, begin: 'kill' | 'pause' | 'order'): Fault => ({
    kind,
    async inflict() {
      const master = await group.masterOtherThan();
      if (begin === 'kill') await master.kill();
      if (begin === 'pause') await master.pause();
      if (begin === 'order') await ask(group.watchers[0]!, `SENTINEL FAILOVER ${group.name}`);
      await group.masterOtherThan(master);
      if (begin === 'kill') await master.restart();
      if (begin === 'pause') await master.resume();
      await until(oneMaster, { what: 'the old master to follow', timeout: CONVERSION_TIMEOUT_MS });
      await pause(BETWEEN_FAILOVERS_MS);
      return { forgets: true };
    },
  });
  return {
    wayOf: () => ({ url }),
    servers: `${await redisVersion(group.master)}, a master, two replicas, three Sentinels`,
    clearWay: { url },
    lanes: [
      [
        failover('the master is killed', 'kill'),
        failover('the master is stopped', 'pause'),
        failover('a Sentinel is told to fail over', 'order'),
      ],
      servers.flatMap((server) => connectionFaults(orderFaults(server)).filter(isNoOutage)),
    ],
    leftovers: async () => keysWithoutTtl([await group.masterOtherThan()]),
    stop: () => group.stop(),
  };
}

/** Sentinels take a master for down that is paused for a second, and replace it whenever they are ready to. */
function isNoOutage({ kind }: Fault): boolean {
  return kind !== 'CLIENT PAUSE';
}

/** Those that do not change settings, which a failover would leave behind. */
export function connectionFaults(faults: readonly Fault[]): Fault[] {
  return faults.filter(({ kind }) => /^(CLIENT|SCRIPT)/.test(kind));
}
