import { setTimeout as pause } from 'node:timers/promises';
import { startEtcd } from '../../support/etcd.ts';
import { type FaultProxy, startProxy } from '../../support/proxy.ts';
import { until } from '../../support/wait.ts';
import { type Fault, span } from '../fault.ts';
import { linkFaults } from '../link-faults.ts';
import type { Arena } from './arena.ts';

/** Three members, and for each client a proxy to each. */
export async function etcdArena(clients: number): Promise<Arena> {
  const cluster = await startEtcd({ members: 3 });
  const { members } = cluster;
  const links: FaultProxy[][] = [];
  for (let client = 0; client < clients; client++) {
    links.push(await Promise.all(members.map((member) => startProxy(member))));
  }
  const serving = () => until(() => cluster.serves(), { what: 'etcd to serve', timeout: 20_000 });
  const faults: Fault[] = [
    {
      kind: 'a member is killed and comes back',
      async inflict(chance) {
        const member = chance.of(members);
        await member.kill();
        await pause(span(chance));
        await member.restart();
        await serving();
      },
    },
    {
      kind: 'a member is stopped and goes on',
      async inflict(chance) {
        const member = chance.of(members);
        await member.pause();
        await pause(span(chance));
        await member.resume();
        await serving();
      },
    },
    {
      kind: 'another member leads',
      async inflict() {
        const leader = await cluster.leader();
        await leader.pause();
        await until(async () => (await cluster.leader()) !== leader, { what: 'a leader', timeout: 20_000 });
        await leader.resume();
        await serving();
      },
    },
    {
      kind: 'old revisions are compacted',
      async inflict() {
        const revision = /"revision":(\d+)/.exec(await cluster.ctl('get', 'none', '-w', 'json'))?.[1];
        if (revision) await cluster.ctl('compaction', revision).catch(() => {});
      },
    },
    {
      kind: 'a lease is revoked',
      async inflict(chance) {
        const leases = await cluster.leases();
        if (leases.length === 0) return;
        // It may have ended by now.
        await cluster.ctl('lease', 'revoke', chance.of(leases)).catch(() => {});
        return { forgets: true };
      },
    },
  ];
  return {
    wayOf: (client) => ({
      url: `etcd://${(links[client] ?? []).map(({ port }) => `127.0.0.1:${port}`).join()}`,
    }),
    servers: `etcd ${await cluster.version()}, three members`,
    clearWay: { url: cluster.url },
    lanes: [linkFaults(links, { resp: false }), faults],
    async leftovers() {
      const [keys, leases] = await Promise.all([cluster.keys(), cluster.leases()]);
      return [...keys.map((key) => `${key} is there`), ...leases.map((lease) => `lease ${lease} is there`)];
    },
    async stop() {
      await Promise.all(links.flat().map((link) => link.stop()));
      await cluster.stop();
    },
  };
}
