import fc from 'fast-check';
import { LockArgumentError, LockClient } from '../../src/index.ts';
import { RedisBackend } from '../../src/redis/backend.ts';
import { redisSettings } from '../../src/redis/options.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { isName } from './bounds.ts';
import type { FakeRedis } from './fake-redis.ts';
import { agreeableRedis } from './stage.ts';
import { anyText } from './values.ts';

/** What ioredis puts before keys, and what we do. */
const PREFIXES = [
  { keyPrefix: '', prefix: 'baton' },
  { keyPrefix: 'app:', prefix: '!~|' },
  { keyPrefix: 'a{b}:', prefix: 'x'.repeat(128) },
];

interface Place {
  readonly start: string;
  readonly redis: FakeRedis;
  readonly client: LockClient;
}

function place({ keyPrefix, prefix }: (typeof PREFIXES)[number]): Place {
  const clock = new ManualClock();
  const redis = agreeableRedis(clock, { keyPrefix, prefix });
  const backend = new RedisBackend(redis.redis, redisSettings({ prefix }), clock, false);
  return { start: `${keyPrefix}${prefix}:`, redis, client: new LockClient(backend) };
}

const anyName = fc.record({ name: anyText, group: fc.option(anyText, { nil: undefined }) });

/** Of any two texts as names: what is accepted has keys of its own, all with the prefix, and what is not has none. */
export function nameProperty(check: () => Promise<void>): fc.IAsyncProperty<unknown> {
  const places = PREFIXES.map(place);
  return fc.asyncProperty(fc.constantFrom(...places.keys()), anyName, anyName, async (index, one, other) => {
    const where = places[index] as Place;
    const keys = await keysOf(where, one);
    const others = await keysOf(where, other);
    const shared = [...keys].filter((key) => others.has(key));
    const same = one.name === other.name && one.group === other.group;
    const both = keys.size > 0 && others.size > 0;
    if (both && shared.length > 0 !== sameLock(one, other))
      throw new Error(`they share ${shared.join(', ')}`);
    if (same && keys.size !== others.size) throw new Error('the same name is not the same');
    await check();
  });
}

type Named = { readonly name: string; readonly group: string | undefined };

function fullName({ name, group }: Named): string {
  return group === undefined ? name : `${group}/${name}`;
}

function sameLock(one: Named, other: Named): boolean {
  return fullName(one) === fullName(other);
}

/** All keys and channels of a name, as bytes; none if it is refused. */
async function keysOf({ start, redis, client }: Place, named: Named): Promise<Set<string>> {
  const { name, group } = named;
  const options = group === undefined ? {} : { group };
  const valid = isName(name) && isName(fullName(named)) && (group === undefined || isGroupText(group));
  redis.sent.length = 0;
  try {
    const lock = await client.creator(name, options).acquire(1_000, 10);
    await lock.release();
  } catch (error) {
    if (!(error instanceof LockArgumentError)) throw error;
    if (valid || redis.sent.length > 0) throw new Error(`refused: ${error.message}`);
    return new Set();
  }
  if (!valid) throw new Error('accepted');
  await useEverything(client, name, options);
  const keys = redis.sent.flatMap((sent) => sent.keys);
  const stray = keys.find((key) => !key.startsWith(start));
  if (stray !== undefined) throw new Error(`${stray} does not begin with ${start}`);
  const own = keys.filter((key) => !key.startsWith(`${start}inbox:`));
  const record = `${start}{${escaped(fullName(named))}}`;
  const foreign = own.find((key) => key !== record && !key.startsWith(`${record}:`));
  if (foreign !== undefined) throw new Error(`${foreign} is no key of ${record}`);
  return new Set(own.map((key) => Buffer.from(key).toString('hex')));
}

async function useEverything(client: LockClient, name: string, options: { group?: string }): Promise<void> {
  const creator = client.creator(name, options);
  await creator.inspect();
  await creator.forceRelease();
  const permits = await client.semaphore(name, 3, options).acquire(1_000, 0, { units: 2 });
  await permits.downgrade(1);
  await permits.refresh();
  await permits.release();
  const counter = client.counter(name, { ttl: 1_000, ...options });
  await counter.increment();
  await counter.wait(10);
  const states = creator.watch();
  await states.next();
  await states.return?.();
}

function isGroupText(group: string): boolean {
  return isName(group) && !group.includes('/');
}

/** What would end a hash tag, and what says that something is escaped. */
function escaped(name: string): string {
  return [...name].map((char) => (char === '%' ? '%25' : char === '}' ? '%7D' : char)).join('');
}
