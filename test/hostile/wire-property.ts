import { inspect } from 'node:util';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { LockArgumentError, LockError } from '../../src/index.ts';
import { RedisBackend } from '../../src/redis/backend.ts';
import { redisSettings } from '../../src/redis/options.ts';
import { ABORTED, anyCall } from './callers.ts';
import { LyingServer } from './lying-server.ts';
import { anyWireLie } from './resp-lies.ts';
import { PATIENCE_MS, SAFETY_NET_MS, World } from './world.ts';

const START = 'baton:';
/** How often the server has a moment of real time to answer in, and how far the clock of the locks moves meanwhile. */
const MOMENTS = 6;
const STEP_MS = 10;

const anyCase = fc.record({
  protocol: fc.constantFrom(2, 3),
  readyCheck: fc.boolean(),
  manners: fc.record({
    lies: fc.array(anyWireLie, { minLength: 1, maxLength: 5 }),
    honestAtFirst: fc.oneof(
      { weight: 4, arbitrary: fc.constant(true) },
      { weight: 1, arbitrary: fc.constant(false) },
    ),
    confirms: fc.boolean(),
  }),
  calls: fc.array(anyCall, { minLength: 1, maxLength: 3 }),
});

/** ioredis itself, on a real socket, to a server that writes any bytes: the same as of replies. */
export function wireProperty(check: () => Promise<void>): fc.IAsyncProperty<unknown> {
  let starting: Promise<LyingServer> | undefined;
  return fc.asyncProperty(anyCase, async ({ protocol, readyCheck, manners, calls }) => {
    starting ??= LyingServer.start();
    const server = await starting;
    server.begin(manners);
    const redis = new Redis(server.port, '127.0.0.1', {
      protocol: protocol as 2 | 3,
      enableReadyCheck: readyCheck,
      disconnectTimeout: 10,
      retryStrategy: (attempt) => (attempt > 3 ? null : 1),
    });
    redis.on('error', () => {});
    try {
      const world = new World({ lies: [], start: START, confirms: true });
      const settings = redisSettings({ commandTimeout: PATIENCE_MS, safetyNet: SAFETY_NET_MS });
      world.open(new RedisBackend(redis, settings, world.clock, false));
      for (const call of calls) {
        call.run(world).catch((error: unknown) => {
          const ours = error instanceof LockError && !(error instanceof LockArgumentError);
          if (!ours && error !== ABORTED) world.problems.push(`${call.what}: ${inspect(error)}`);
        });
      }
      for (let moment = 0; moment < MOMENTS; moment++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        await world.clock.advance(STEP_MS);
      }
      await world.end([]);
      const stray = server.keys.find((key) => !key.startsWith(START));
      if (stray !== undefined) throw new Error(`something is sent to ${stray}`);
    } finally {
      redis.disconnect();
    }
    await check();
  });
}

/** Whether it was thrown by ioredis itself, within its own listeners, where nobody else can catch it. */
export function isOfIoredis(error: unknown): boolean {
  const stack = error instanceof Error ? String(error.stack) : '';
  const first = stack.split('\n').find((frame) => /^\s+at /.test(frame));
  return first !== undefined && /node_modules\/(ioredis\d?|redis-parser)\//.test(first);
}
