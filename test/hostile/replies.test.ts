import { beforeEach, describe, expect, it } from 'vitest';
import { Owners } from '../../src/core/owner.ts';
import { LockBackendError, LockClient } from '../../src/index.ts';
import { RedisBackend } from '../../src/redis/backend.ts';
import { redisSettings } from '../../src/redis/options.ts';
import { RedlockBackend } from '../../src/redlock/backend.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { armedAlarms } from '../support/armed-alarms.ts';
import { type CommandKind, FakeCluster, FakeRedis, ScriptKinds, type Sent } from './fake-redis.ts';
import { consent, queuedBehind, refusal, serverUs } from './honest.ts';

const PATIENCE_MS = 50;
const SETTINGS = redisSettings({ commandTimeout: PATIENCE_MS, safetyNet: 100 });
const SILENCE = Symbol('silence');

/** What the server says to commands of one kind; to all others it says yes. */
type Says = Partial<Record<CommandKind, (sent: Sent) => unknown>>;

let clock: ManualClock;
let redis: FakeRedis;

beforeEach(() => {
  clock = new ManualClock();
});

/** A server that answers each command after a ms. */
function server(says: Says, port = 1, Fake: typeof FakeRedis | typeof FakeCluster = FakeRedis): FakeRedis {
  const after = (task: () => void) => void clock.callAt(clock.now() + 1, task);
  const answer = (sent: Sent): Promise<unknown> => {
    const say = says[sent.kind];
    const reply = say ? say(sent) : consent(sent.kind, sent.args, clock);
    return new Promise((resolve) => {
      if (reply !== SILENCE) after(() => resolve(reply));
    });
  };
  const scripts = new ScriptKinds('', SETTINGS, Fake === FakeCluster);
  return new Fake({ host: 'liar', port, keyPrefix: '' }, { scripts, answer, soon: after });
}

function clientOf(says: Says, replicas?: { count: number; timeoutMs: number }): LockClient {
  redis = server(says);
  const settings = { ...SETTINGS, replicas };
  return new LockClient(new RedisBackend(redis.redis, settings, clock, false, new Owners('liar', 'test')));
}

/** What comes of a call by the time `ms` have passed. */
async function within(ms: number, call: Promise<unknown>): Promise<unknown> {
  let outcome: unknown = 'pending';
  call.then(
    (result) => {
      outcome = result ?? 'done';
    },
    (error: unknown) => {
      outcome = error;
    },
  );
  await clock.advance(ms);
  return outcome;
}

const UNEXPECTED = { code: 'ERR_LOCK_BACKEND', reason: 'failed', retryable: false };

describe('a grant', () => {
  it.each([
    0,
    -1,
    1.5,
    2 ** 53,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    'granted abc 50',
    'granted 0 50',
    'granted 9007199254740992 50',
    'granted 1763000000000000 soon',
    '9999999999999999',
  ])('is none with the reply %s: no fence can be that', async (reply) => {
    const call = clientOf({ acquire: () => reply })
      .creator('x')
      .tryAcquire(1_000);
    expect(await within(10, call)).toMatchObject(UNEXPECTED);
  });

  it.each(['9007199254740992', '        Infinity', '             1.5', '0000000000000000'])(
    'is none with a message of the fence "%s"',
    async (fence) => {
      const us = serverUs(clock);
      const client = clientOf({
        acquire: ({ args }) => (args[2] === 'try' ? null : queuedBehind(10_000, us)),
      });
      const waiting = within(100, client.creator('x').acquire(1_000, 500));
      await waiting;
      const [channel] = redis.sent.find(({ kind }) => kind === 'ssubscribe')?.keys ?? [];
      const owner = redis.sent.findLast(({ kind }) => kind === 'acquire')?.args[0];
      redis.lines[0]?.emit('smessage', channel, `granted ${owner} ${fence} ${serverUs(clock)} baton:{x}`);
      await clock.advance(0);
      expect(client.held).toEqual([]);
    },
  );
});

describe('a place in line', () => {
  it.each([
    'queued soon 1763000000000000 1763000000000000',
    'queued 1763000010000 try 1763000000000000',
    'queued 1763000010000 0000000000000000 1763000000000000',
    'queued 1763000000000000 1763000000000000',
    'queued 1 1',
    'queued NaN NaN NaN',
  ])('is none with the reply "%s"', async (reply) => {
    const client = clientOf({ acquire: ({ args }) => (args[2] === 'try' ? null : reply) });
    expect(await within(200, client.creator('x').acquire(1_000))).toMatchObject(UNEXPECTED);
  });

  it('that is given up leaves one alarm, which keeps nothing alive, and a close none', async () => {
    const us = serverUs(clock);
    const client = clientOf({
      acquire: ({ args }) => (args[2] === 'try' ? null : queuedBehind(10_000, us)),
    });
    const armed = armedAlarms(clock);
    const controller = new AbortController();
    const given = client.creator('x').acquire(1_000, 500, { signal: controller.signal });
    clock.callAt(clock.now() + 10, () => controller.abort());
    expect(await within(20, given)).toMatchObject({ name: 'AbortError' });
    expect({ kept: clock.pending, armed: armed.size }).toEqual({ kept: 0, armed: 1 });
    await within(10, client.close());
    expect(armed.size).toBe(0);
  });

  it('is not refused: who waits is told so, and does not wait for ever', async () => {
    const client = clientOf({ acquire: () => null });
    expect(await within(200, client.creator('x').acquire(1_000, 100))).toMatchObject(UNEXPECTED);
  });

  it('that is said to be behind a lease that has ended is asked about again, but not at once', async () => {
    const us = serverUs(clock);
    const client = clientOf({
      acquire: ({ args }) => (args[2] === 'try' ? null : queuedBehind(-5_000, us)),
    });
    void within(1_000, client.creator('x').acquire(1_000, 1_000));
    await clock.advance(1_001);
    expect(redis.sent.filter(({ kind }) => kind === 'acquire').length).toBeLessThan(400);
  });

  // What is granted, but has ended meanwhile, is asked for again at once; a place is not.
  it.each([
    ['queued 1763000010000 1763000000000000 1763000000000000 lost', 5],
    ['granted 1763000000000000 0 lost', 300],
  ])(
    'of a cluster that is said to be lost each time is not asked about ever more: "%s"',
    async (reply, most) => {
      redis = server({ acquire: ({ args }) => (args[2] === 'try' ? null : reply) }, 1, FakeCluster);
      const backend = new RedisBackend(redis.redis, SETTINGS, clock, false, new Owners('liar', 'test'));
      void within(80, new LockClient(backend).creator('x').acquire(1_000, 300));
      await clock.advance(80);
      const asked = redis.sent.filter(({ kind }) => kind === 'acquire').length;
      expect(asked).toBeGreaterThan(1);
      expect(asked).toBeLessThan(most);
    },
  );
});

describe('a server that always says that there is more to do', () => {
  const again = { acquire: () => 'more', release: () => 2, releaseShare: () => 3, downgrade: () => 2 };
  const STUCK = { code: 'ERR_LOCK_BACKEND', reason: 'unavailable', retryable: true };

  it('keeps a try no longer than two commands may take', async () => {
    const call = clientOf(again).creator('x').tryAcquire(1_000);
    expect(await within(2 * PATIENCE_MS + 50, call)).toMatchObject(STUCK);
  });

  it('keeps who waits no longer than that', async () => {
    const call = clientOf(again).creator('x').acquire(1_000, 100);
    expect(await within(125, call)).toBeInstanceOf(Error);
  });

  it('keeps a release by force no longer either', async () => {
    const held = { ...again, inspect: () => refusal('inspect', [], clock) };
    const call = clientOf(held).creator('x').forceRelease();
    expect(await within(2 * PATIENCE_MS + 50, call)).toMatchObject(STUCK);
  });

  it('keeps a release until the lease has ended', async () => {
    const { acquire: _, ...rest } = again;
    const [lock] = await Promise.all([clientOf(rest).creator('x').acquire(200), clock.advance(10)]);
    expect(await within(200 + PATIENCE_MS, lock.release())).toMatchObject(STUCK);
    const before = redis.sent.length;
    await clock.advance(1_000);
    expect(redis.sent.length).toBe(before);
  });

  it('keeps who wants fewer units no longer than two commands may take', async () => {
    const acquiring = clientOf({ downgrade: () => 2 })
      .semaphore('x', 3)
      .acquire(1_000, 100, { units: 3 });
    const [lock] = await Promise.all([acquiring, clock.advance(10)]);
    expect(await within(2 * PATIENCE_MS + 50, lock.downgrade())).toMatchObject(STUCK);
  });

  it('is not asked for ever to take back what nobody waits for', async () => {
    const client = clientOf({ acquire: () => SILENCE, release: () => 2 });
    await within(300, client.creator('x').acquire(50, 20));
    await clock.advance(500);
    const before = redis.sent.length;
    await clock.advance(1_000);
    expect(redis.sent.length).toBe(before);
  });
});

describe('an answer that no script gives', () => {
  it.each([null, 'yes', [1], {}, 7, -1, Number.NaN, undefined])(
    '%j says nothing of a lease',
    async (reply) => {
      const acquiring = clientOf({ refresh: () => reply, release: () => reply })
        .creator('x')
        .acquire(1_000);
      const [lock] = await Promise.all([acquiring, clock.advance(10)]);
      expect(await within(100, lock.refresh())).toMatchObject(UNEXPECTED);
      expect(await within(100, lock.release())).toMatchObject(UNEXPECTED);
    },
  );

  it.each([null, 'one', [1], {}, Number.NaN])('%j is no confirmation by a replica', async (reply) => {
    const client = clientOf({ wait: () => reply }, { count: 1, timeoutMs: 20 });
    expect(await within(500, client.creator('x').acquire(1_000, 300))).toBeInstanceOf(LockBackendError);
  });

  it.each(['', ' ', '0x10', '1e3', '9007199254740992', '1.5'])('"%s" is no count', async (reply) => {
    const counter = clientOf({ count: () => reply }).counter('x', { ttl: 1_000 });
    expect(await within(200, counter.increment())).toMatchObject(UNEXPECTED);
    expect(await within(200, counter.get())).toMatchObject(UNEXPECTED);
  });

  it.each([
    `${'9'.repeat(20)} 0 1763000000000000`,
    `1763000000000000 ${'9'.repeat(400)} 1763000000000000`,
    '1763000000000000 0 9999999999999999w1763000009999 a:1:1',
    '1763000000000000 0 1763000000000000o1763000009999 99999999999 1 a:1:1:1',
  ])('%# is no state', async (reply) => {
    expect(
      await within(
        100,
        clientOf({ inspect: () => reply })
          .creator('x')
          .inspect(),
      ),
    ).toMatchObject(UNEXPECTED);
  });

  it.each(['capacity', 'capacity x', 'capacity -1', 'capacity 99999999999'])(
    '"%s" is no capacity',
    async (reply) => {
      const call = clientOf({ acquire: () => reply })
        .creator('x')
        .acquire(1_000);
      expect(await within(100, call)).toMatchObject(UNEXPECTED);
    },
  );
});

describe('a message', () => {
  async function hear(text: (owner: string) => string): Promise<Sent[]> {
    const us = serverUs(clock);
    const client = clientOf({
      acquire: ({ args }) => (args[2] === 'try' ? null : queuedBehind(10_000, us)),
    });
    void client
      .creator('x')
      .acquire(1_000, 500)
      .catch(() => {});
    await clock.advance(20);
    const [channel = ''] = redis.sent.find(({ kind }) => kind === 'ssubscribe')?.keys ?? [];
    const before = redis.sent.length;
    redis.lines[0]?.emit('smessage', channel, text(channel.split(':').at(-1) ?? ''));
    await clock.advance(20);
    return redis.sent.slice(before);
  }
  const grantOf = (owner: string) => `granted ${owner} ${serverUs(clock)} ${serverUs(clock)} baton:{y}`;

  it('of a grant to a client that is none of ours does not make us release it', async () => {
    expect(await hear(() => grantOf('other.1.ab:1:1000'))).toEqual([]);
  });

  it.each(['', ':1', ':1:', ':1:soon', ':1:1:1:1', `:1:${'9'.repeat(20)}`])(
    'of a grant to an owner id that ends in "%s" is heeded by nobody',
    async (end) => {
      expect(await hear((client) => grantOf(client + end))).toEqual([]);
    },
  );

  it('of a grant that nobody waits for is heeded', async () => {
    expect(await hear((client) => grantOf(`${client}:zz:1000`))).toMatchObject([{ kind: 'release' }]);
  });
});

it('a watch can be left although the server does not confirm the end of a subscription', async () => {
  const states = clientOf({ sunsubscribe: () => SILENCE })
    .creator('x')
    .watch();
  expect(await within(20, states.next())).toMatchObject({ done: false });
  expect(await within(1_010, states.return?.() ?? Promise.reject())).toMatchObject({ done: true });
  expect(clock.pending).toBe(0);
});

it('a watch that does not begin can be left, also after a state has come', async () => {
  const client = clientOf({ ssubscribe: () => SILENCE });
  const controller = new AbortController();
  const next = client.creator('x').watch({ signal: controller.signal }).next();
  await within(20, next);
  const us = serverUs(clock);
  redis.lines[0]?.emit(
    'smessage',
    'baton:{x}:events',
    `${us} 0 ${us}w${Math.round(us / 1_000) + 900} a:1:1000`,
  );
  await clock.advance(0);
  controller.abort('enough');
  expect(await within(20, next)).toBe('enough');
  await client.close();
});

it.each(['behind 9007199254740991', 'behind 9007199254740990', 'behind 1e300', 'behind NaN'])(
  'one server of three that says "%s", and then votes, does not make a fence unsafe',
  async (reply) => {
    const said = [reply];
    const ports: Says[] = [{}, { adopt: () => said.pop() ?? 1 }, { adopt: () => SILENCE }];
    const sources = ports.map((says, index) => {
      return { redis: server(says, index).redis, owned: false, label: `liar:${index}` };
    });
    const settings = { ...SETTINGS, quorum: 2, driftFactor: 0.01 };
    const client = new LockClient(new RedlockBackend(sources, settings, clock));
    const outcome = await within(1_000, client.creator('x').acquire(10_000, 200));
    expect(said).toEqual([]);
    const fences = client.held.map(({ fencingToken }) => fencingToken);
    expect(outcome instanceof LockBackendError || fences.every(Number.isSafeInteger)).toBe(true);
  },
);
