import { expect, it } from 'vitest';
import { LockClient } from '../../src/index.ts';
import { redisSettings } from '../../src/redis/options.ts';
import { RedlockBackend } from '../../src/redlock/backend.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { FakeRedis, ScriptKinds, type Sent } from '../hostile/fake-redis.ts';
import { consent, refusal, serverUs } from '../hostile/honest.ts';

const TTL = 60_000;
const WAIT = 100;

const SETTINGS = redisSettings({});
const clock = new ManualClock();
const soon = (task: () => void) => void clock.callAt(clock.now() + 1, task);

/** A server where somebody else has the lock: it gives places in line, and confirms all the rest. */
function busyServer(port: number): FakeRedis {
  const answer = ({ kind, args }: Sent) =>
    new Promise((resolve) => {
      const reply = kind === 'acquire' ? refusal : consent;
      soon(() => resolve(reply(kind, args, clock)));
    });
  const scripts = new ScriptKinds('', SETTINGS);
  return new FakeRedis({ host: 'busy', port, keyPrefix: '' }, { scripts, answer, soon });
}

// What decides is the order of two events within one process, which only a clock of the test can choose.
it('row 18: a turn that comes after the wait has ended is given back, and no other server is asked', async () => {
  const servers = [1, 2, 3].map(busyServer);
  const [first, ...others] = servers as [FakeRedis, ...FakeRedis[]];
  const sources = servers.map(({ redis }, index) => ({ redis, owned: false, label: `busy:${index}` }));
  const settings = { ...SETTINGS, clientName: 'late', quorum: 2, driftFactor: 0.01 };
  const client = new LockClient(new RedlockBackend(sources, settings, clock));
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
