import { expect, it } from 'vitest';
import { LockClient } from '../../src/index.ts';
import { redisSettings } from '../../src/redis/options.ts';
import { RedlockBackend } from '../../src/redlock/backend.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { type Answering, FakeRedis, ScriptKinds } from '../hostile/fake-redis.ts';
import { consent, refusal, serverUs } from '../hostile/honest.ts';

const TTL = 60_000;
const WAIT = 100;

const SETTINGS = redisSettings({});
const clock = new ManualClock();
const soon = (task: () => void) => void clock.callAt(clock.now() + 1, task);

function server(port: number, answer: Answering): FakeRedis {
  const scripts = new ScriptKinds('', SETTINGS);
  return new FakeRedis({ host: 'late', port, keyPrefix: '' }, { scripts, answer, soon });
}

/** A server where all is well. */
const freeServer = (port: number): FakeRedis =>
  server(port, ({ kind, args }) => new Promise((resolve) => soon(() => resolve(consent(kind, args, clock)))));

/** A server where somebody else has the lock: it gives places in line, and confirms all the rest. */
const busyServer = (port: number): FakeRedis =>
  server(port, ({ kind, args }) => {
    const reply = kind === 'acquire' ? refusal : consent;
    return new Promise((resolve) => soon(() => resolve(reply(kind, args, clock))));
  });

function connect(servers: readonly FakeRedis[]): LockClient {
  const sources = servers.map(({ redis }, index) => ({ redis, owned: false, label: `late:${index}` }));
  const settings = { ...SETTINGS, clientName: 'late', quorum: 2, driftFactor: 0.01 };
  return new LockClient(new RedlockBackend(sources, settings, clock));
}

// What decides is the order of two events within one process, which only a clock of the test can choose.
it('row 18: a turn that comes after the wait has ended is given back, and no other server is asked', async () => {
  const servers = [1, 2, 3].map(busyServer);
  const [first, ...others] = servers as [FakeRedis, ...FakeRedis[]];
  const client = connect(servers);
  const waiting = client.creator('late').acquire(TTL, WAIT);
  const rejected = expect(waiting).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
  await clock.advance(WAIT / 2);
  const [channel] = first.sent.find(({ kind }) => kind === 'ssubscribe')?.keys ?? [];
  const place = first.sent.findLast(({ kind }) => kind === 'acquire');
  expect(place?.args).not.toContain('try');
  // The process stands still beyond its wait timeout, and then reads its messages before it looks at its timers.
  clock.stall(WAIT);
  first.lines[0]?.emit(
    'smessage',
    channel,
    `granted ${place?.args[0]} ${serverUs(clock)} ${serverUs(clock)} baton:{late}`,
  );
  await clock.advance(10);
  await rejected;
  const released = first.sent.filter(({ kind }) => kind === 'release').map(({ args }) => args[0]);
  expect(released).toEqual([place?.args[0]]);
  expect(others.flatMap(({ sent }) => sent).filter(({ kind }) => kind === 'adopt')).toEqual([]);
  await Promise.all([client.close(), clock.advance(5_000)]);
  expect(clock.pending).toBe(0);
});

it('row 18: a vote of after the release is taken back, also when both are answered at the same time', async () => {
  const asked: string[] = [];
  let answers: (() => void)[] = [];
  // It does not know how to vote when it is asked first, so it has nothing to release, and then votes.
  const third = server(3, ({ kind, args }) => {
    if (kind !== 'adopt' && kind !== 'release') return Promise.resolve(consent(kind, args, clock));
    const turn = asked.push(kind);
    return new Promise((resolve, reject) => {
      const unknown = () => reject(new Error('NOSCRIPT No matching script. Please use EVAL.'));
      answers.push(turn === 1 ? unknown : () => resolve(turn === 2 ? 0 : 1));
    });
  });
  const answerAll = (): Promise<void> => {
    for (const answer of answers) answer();
    answers = [];
    return clock.advance(10);
  };
  const client = connect([freeServer(1), freeServer(2), third]);
  const [lock] = await Promise.all([client.creator('late').acquire(TTL, WAIT), clock.advance(10)]);
  const [unknown] = answers.splice(0);
  await Promise.all([lock.release(), clock.advance(10)]);
  unknown?.();
  await clock.advance(10);
  expect(asked).toEqual(['adopt', 'release', 'adopt']);
  await answerAll();
  expect(asked).toEqual(['adopt', 'release', 'adopt', 'release']);
  await answerAll();
  await Promise.all([client.close(), clock.advance(5_000)]);
  expect(clock.pending).toBe(0);
});
