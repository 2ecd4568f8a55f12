import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { FaultProxy } from '../support/proxy.ts';
import type { RedisServer } from '../support/redis-server.ts';
import type { Chance } from './chance.ts';
import { type Fault, insist, type Marks, span } from './fault.ts';
import { LONGEST_TTL_MS, NAMES } from './workload.ts';

type Order = (admin: Redis, chance: Chance) => Promise<unknown>;

/** An order to a server, on a connection of its own, and if it needs one the order that takes it back. */
function ordered(server: RedisServer, kind: string, order: Order, takeBack?: Order): Fault {
  return {
    kind,
    async inflict(chance) {
      const admin = new Redis(server.url);
      // A busy or full server may answer late, or once more.
      admin.on('error', () => {});
      try {
        await insist(() => order(admin, chance));
        if (!takeBack) return;
        await pause(span(chance));
        await insist(() => takeBack(admin, chance));
      } finally {
        admin.disconnect();
      }
    },
  };
}

const config =
  (name: string, value: string): Order =>
  (admin) =>
    admin.config('SET', name, value);

/** What any Redis server can be told to do that harms its clients, and forgets nothing. */
export function orderFaults(server: RedisServer): Fault[] {
  return [
    ordered(server, 'CLIENT KILL TYPE normal', (admin) =>
      admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
    ),
    ordered(server, 'CLIENT KILL TYPE pubsub', (admin) => admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')),
    ordered(server, 'CLIENT PAUSE', async (admin, chance) => {
      const ms = span(chance);
      await admin.call('CLIENT', 'PAUSE', ms, 'ALL');
      await pause(ms);
    }),
    ordered(server, 'SCRIPT FLUSH', (admin) => admin.script('FLUSH')),
    ordered(server, 'a script keeps the server busy', busy),
    ordered(server, 'maxmemory is exceeded', config('maxmemory', '1'), config('maxmemory', '0')),
    ordered(
      server,
      'too few replicas to write',
      config('min-replicas-to-write', '1'),
      config('min-replicas-to-write', '0'),
    ),
    ordered(
      server,
      'tiny output buffers of subscribers',
      config('client-output-buffer-limit', 'pubsub 1 1 1'),
      config('client-output-buffer-limit', 'pubsub 33554432 8388608 60'),
    ),
    ordered(
      server,
      'ACL: nothing may be published',
      (admin) => admin.call('ACL', 'SETUSER', 'default', '-spublish'),
      (admin) => admin.call('ACL', 'SETUSER', 'default', '+spublish'),
    ),
    ordered(
      server,
      'ACL: no channels',
      (admin) => admin.call('ACL', 'SETUSER', 'default', 'resetchannels'),
      (admin) => admin.call('ACL', 'SETUSER', 'default', 'allchannels'),
    ),
  ];
}

/** Until somebody kills the script: it has written nothing, so that is allowed. */
async function busy(admin: Redis, chance: Chance): Promise<void> {
  await admin.config('SET', 'busy-reply-threshold', '50');
  const looper = admin.duplicate();
  // Once killed, with an error.
  const looping = looper.eval('while true do end', 0).catch(() => {});
  await pause(Math.max(100, span(chance)));
  await admin.script('KILL').catch((error: Error) => {
    // On a machine that is busy itself it may not have begun yet.
    if (!error.message.startsWith('NOTBUSY')) throw error;
    looper.disconnect();
  });
  await looping;
  looper.disconnect();
}

/** A server that is frozen for a while. */
export function frozen(servers: readonly RedisServer[]): Fault {
  return {
    kind: 'a server is stopped and goes on',
    async inflict(chance) {
      const server = chance.of(servers);
      await server.pause();
      await pause(span(chance));
      await server.resume();
    },
  };
}

/** What only a server that is alone can be asked to do. */
export function soloFaults(server: RedisServer, nobody: number): Fault[] {
  const crash = (kind: string, comeBack: () => Promise<void>, marks: Marks): Fault => ({
    kind,
    async inflict(chance) {
      await server.kill();
      await pause(span(chance));
      await comeBack();
      return marks;
    },
  });
  const forgetful = (fault: Fault): Fault => ({
    kind: fault.kind,
    async inflict(chance, crew) {
      await fault.inflict(chance, crew);
      return { forgets: true };
    },
  });
  return [
    crash('the server is killed and comes back empty', () => server.restart(), { forgets: true }),
    crash('the server is killed and comes back with its data', () => server.revive(), {}),
    forgetful(ordered(server, 'FLUSHALL', (admin) => admin.flushall())),
    {
      kind: 'a lock is deleted',
      async inflict(chance) {
        const name = chance.of(NAMES);
        const admin = new Redis(server.url);
        await admin.del(`baton:{${name}}`);
        admin.disconnect();
        return { forgets: name };
      },
    },
    ordered(
      server,
      'the server is read-only',
      (admin) => admin.replicaof('127.0.0.1', nobody),
      (admin) => admin.replicaof('NO', 'ONE'),
    ),
  ];
}

/** No message reaches anybody for several leases; what was published meanwhile is lost. */
export function deafness(subscribers: readonly FaultProxy[]): Fault {
  return {
    kind: 'no notification reaches anybody',
    alone: true,
    async inflict() {
      for (const link of subscribers) link.stallReplies();
      await pause(3 * LONGEST_TTL_MS);
      for (const link of subscribers) {
        link.cut();
        link.flow();
      }
      return { deaf: true };
    },
  };
}
