import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Counter, LockClient, memoryBackend, redisBackend } from '../../src/index.ts';
import { SplitRedis } from '../faults/split-redis.ts';
import { type FaultProxy, startProxy } from '../support/proxy.ts';
import { startRedis } from '../support/redis-server.ts';
import { scripts } from '../support/scripts.ts';

const CLIENTS = 3;
const TTL = 600_000;
const MOST = Number.MAX_SAFE_INTEGER;

type Kind = 'set' | 'increment' | 'decrement' | 'delete' | 'get';
type Fault = 'lost reply' | 'cut commands' | 'cut messages';

/** What one client asks for in one breath, and what happens to its connections meanwhile. */
interface Burst {
  readonly client: number;
  readonly steps: readonly { kind: Kind; by: number }[];
  readonly waits: boolean;
  readonly fault: Fault | undefined;
  /** After so many turns of the event loop. */
  readonly after: number;
}

interface Member {
  readonly client: LockClient;
  hurt(fault: Fault, after: number): void;
  close(): Promise<void>;
}

/** The reference: unset, or a number of any size, and what a caller is told. */
function expected(state: { value: bigint | undefined }, kind: Kind, by: number): unknown {
  const { value } = state;
  switch (kind) {
    case 'set':
      state.value = BigInt(by);
      return undefined;
    case 'get':
      return Number(value ?? -1n);
    case 'delete':
      state.value = undefined;
      return value !== undefined;
    case 'increment':
      if ((value ?? 0n) + BigInt(by) > MOST) return 'ERR_COUNTER_OVERFLOW';
      state.value = (value ?? 0n) + BigInt(by);
      return Number(state.value);
    case 'decrement':
      if (value === undefined) return 'ERR_COUNTER_EXPIRED';
      state.value = value > by ? value - BigInt(by) : 0n;
      return Number(state.value);
  }
}

const told = (promise: Promise<unknown>) => promise.catch((error: { code: string }) => error.code);

function call(counter: Counter, kind: Kind, by: number): Promise<unknown> {
  if (kind === 'get' || kind === 'delete') return told(counter[kind]());
  return told(counter[kind](by));
}

const amount = fc.oneof(
  { weight: 8, arbitrary: fc.nat({ max: 5 }) },
  { weight: 1, arbitrary: fc.constantFrom(MOST, MOST - 1, MOST - 2) },
);
const kinds: Kind[] = [
  'set',
  'increment',
  'increment',
  'decrement',
  'decrement',
  'decrement',
  'delete',
  'get',
];
const step = fc.record({ kind: fc.constantFrom(...kinds), by: amount });
const faults: Fault[] = ['lost reply', 'cut commands', 'cut messages'];
const burst: fc.Arbitrary<Burst> = fc.record({
  client: fc.nat({ max: CLIENTS - 1 }),
  steps: fc.array(step, { minLength: 1, maxLength: 12 }),
  waits: fc.boolean(),
  fault: fc.option(fc.constantFrom(...faults), { nil: undefined }),
  after: fc.nat({ max: 6 }),
});

function memoryWorld() {
  const backend = memoryBackend();
  return {
    title: 'memory',
    start: async () => {},
    stop: async () => {},
    async connect(): Promise<Member> {
      const client = new LockClient(backend);
      return { client, hurt: () => {}, close: () => client.close() };
    },
  };
}

function redisWorld() {
  let server: Awaited<ReturnType<typeof startRedis>>;
  return {
    title: 'Redis, with links that fail',
    async start() {
      server = await startRedis();
      const redis = new Redis(server.url);
      await redis.script('LOAD', scripts.count.lua);
      redis.disconnect();
    },
    stop: () => server.stop(),
    async connect(): Promise<Member> {
      const [commands, messages]: FaultProxy[] = await Promise.all([startProxy(server), startProxy(server)]);
      const redis = new SplitRedis({ commands: commands!.port, subscriber: messages!.port });
      redis.on('error', () => {});
      const client = new LockClient(redisBackend(redis, { commandTimeout: 20_000 }));
      const cut = (proxy: FaultProxy, turns: number): void =>
        void setImmediate(() => (turns === 0 ? proxy.cut() : cut(proxy, turns - 1)));
      return {
        client,
        hurt(fault, after) {
          if (fault === 'lost reply') {
            void commands!.swallowNextReply({ afterRequestContaining: scripts.count.sha });
          } else cut(fault === 'cut commands' ? commands! : messages!, after);
        },
        async close() {
          await client.close();
          redis.disconnect();
          await Promise.all([commands!.stop(), messages!.stop()]);
        },
      };
    },
  };
}

describe.each([memoryWorld(), redisWorld()])('$title', (world) => {
  let members: Member[];
  let runs = 0;
  beforeAll(async () => {
    await world.start();
    members = await Promise.all(Array.from({ length: CLIENTS }, () => world.connect()));
  });
  afterAll(async () => {
    for (const member of members) await member.close();
    await world.stop();
  });
  const counters = () => {
    runs += 1;
    return members.map(({ client }) => client.counter(`model-${runs}`, { ttl: TTL }));
  };

  it('tells each caller what the reference tells, and leaves nobody waiting', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(burst, { minLength: 1, maxLength: 12 }), async (history) => {
        const own = counters();
        const state = { value: undefined as bigint | undefined };
        const waits: Promise<unknown>[] = [];
        for (const { client, steps, waits: waiting, fault, after } of history) {
          if (waiting) waits.push(told(own[client]!.wait()));
          if (fault) members[client]!.hurt(fault, after);
          const answers = steps.map(({ kind, by }) => call(own[client]!, kind, by));
          const reference = steps.map(({ kind, by }) => expected(state, kind, by));
          expect(await Promise.all(answers)).toEqual(reference);
        }
        for (const one of own) expect(await one.get()).toBe(Number(state.value ?? -1n));
        await own[0]!.set(0);
        for (const end of await Promise.all(waits)) expect([undefined, 'ERR_COUNTER_EXPIRED']).toContain(end);
      }),
      { numRuns: 40, endOnFailure: true },
    );
  }, 180_000);

  it('counts each change once when all clients change it at the same time', async () => {
    const turns = fc.array(fc.record({ burst, by: fc.integer({ min: 1, max: 9 }) }), {
      minLength: 5,
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(turns, async (history) => {
        const own = counters();
        await own[0]!.set(100_000);
        const answers = history.flatMap(({ burst: { client, fault, after, steps }, by }) => {
          if (fault) members[client]!.hurt(fault, after);
          return steps.map(() => own[client]!.decrement(by));
        });
        const total = history.reduce((sum, { burst: { steps }, by }) => sum + steps.length * by, 0);
        const left = await Promise.all(answers);
        expect(Math.min(...left)).toBe(100_000 - total);
        expect(new Set(left).size).toBe(left.length);
        expect(await own[1]!.get()).toBe(100_000 - total);
      }),
      { numRuns: 20, endOnFailure: true },
    );
  }, 180_000);
});
