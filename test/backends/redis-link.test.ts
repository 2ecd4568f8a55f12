import { afterEach, expect, it, vi } from 'vitest';
import { CommandLink } from '../../src/redis/command-link.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { ownRedis } from '../support/own-redis.ts';
import { scripts } from '../support/scripts.ts';
import { until } from '../support/wait.ts';

const { redis } = await ownRedis();
afterEach(() => vi.restoreAllMocks());

it('sends nothing any more once it is closed, also what it was about to repeat', async () => {
  // A connection that becomes ready ends the naps, too.
  await redis.ping();
  const clock = new ManualClock();
  const link = new CommandLink(redis, clock, 5_000);
  const sent = vi.spyOn(redis, 'evalsha').mockRejectedValue(new Error('the link was cut'));
  const call = { script: scripts.release, args: [], lockName: 'closed' };
  const repeated = expect(link.persist(call, Number.POSITIVE_INFINITY)).rejects.toThrow('the link was cut');
  // The one is the look at what is open, the other the nap before the next try.
  await until(() => clock.pending === 2, { what: 'the first failure' });
  link.close();
  await repeated;
  expect(sent).toHaveBeenCalledTimes(1);
  expect(clock.pending).toBe(0);
});
