import { setTimeout as pause } from 'node:timers/promises';
import type { LockClient } from '../../src/index.ts';
import { type Fault, span } from './fault.ts';
import { NAMES } from './workload.ts';

/** What befalls client processes and leaves them alive. */
export const CLIENT_FAULTS: readonly Fault[] = [
  {
    kind: 'a client is stopped and goes on',
    async inflict(chance, crew) {
      const client = chance.between(0, crew.size - 1);
      crew.pause(client);
      await pause(span(chance));
      crew.resume(client);
    },
  },
  {
    kind: 'the event loop of a client stalls',
    async inflict(chance, crew) {
      const client = chance.between(0, crew.size - 1);
      await crew.stall(client, span(chance));
    },
  },
];

/** And what does not. */
export const CLIENT_KILLED: Fault = {
  kind: 'a client is killed',
  async inflict(chance, crew) {
    const client = chance.between(0, crew.size - 1);
    await crew.kill(client);
    await crew.revive(client);
  },
};

/** Somebody takes a lock from whoever holds it. */
export function forced(client: LockClient): Fault {
  return {
    kind: 'a lock is released by force',
    async inflict(chance) {
      const name = chance.of(NAMES);
      // A server that cannot be reached has not done it, or has.
      await client
        .creator(name)
        .forceRelease()
        .catch(() => {});
      return { forgets: name };
    },
  };
}
