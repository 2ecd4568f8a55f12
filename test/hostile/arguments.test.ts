import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { etcdBackend } from '../../src/etcd/backend.ts';
import {
  backendFromUrl,
  LockArgumentError,
  LockClient,
  LockCreator,
  memoryBackend,
  redisBackend,
  redlockBackend,
} from '../../src/index.ts';
import { testKit } from '../../src/testing/kit.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { agreeableRedis } from './stage.ts';

function trapped<T extends object>(target: T, trap: keyof ProxyHandler<T>): T {
  return new Proxy(target, {
    [trap]() {
      throw new RangeError('trapped');
    },
  });
}

function revoked<T extends object>(target: T): T {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

async function refusal(act: () => unknown): Promise<LockArgumentError> {
  const error = await new Promise((resolve) => resolve(act())).then(
    () => new Error('accepted'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LockArgumentError);
  return error as LockArgumentError;
}

const client = new LockClient(memoryBackend());
const creator = client.creator('x');
// biome-ignore lint/suspicious/noExplicitAny: what is passed here is what no type allows
type Anything = any;

describe('an object that is a trap', () => {
  // biome-ignore lint/complexity/noStaticOnlyClass: only its name is wanted
  class Nameless {
    static name = Symbol('x') as unknown as string;
  }
  const traps: [string, object][] = [
    ['a revoked proxy', revoked({})],
    ['a proxy that throws when asked for its prototype', trapped({}, 'getPrototypeOf')],
    [
      'a getter for its constructor',
      Object.create({
        get constructor() {
          throw new RangeError('trapped');
        },
      }),
    ],
    ['a class whose name is a symbol', new Nameless()],
  ];

  it.each(traps)('is refused as a name, a TTL and a source: %s', async (_, value) => {
    expect((await refusal(() => client.creator(value as Anything))).value).toBe(value);
    expect((await refusal(() => creator.acquire(value as Anything))).value).toBe(value);
    expect((await refusal(() => new LockClient(value as Anything))).value).toBe(value);
  });

  it.each([
    ['throws when it is read', trapped({}, 'get')],
    ['is a revoked proxy', revoked({})],
  ])('is refused as options when it %s', async (_, value) => {
    const refusals = [
      () => creator.acquire(10, 0, value),
      () => creator.tryAcquire(10, value),
      () => client.creator('x', value),
      () => client.acquireAll(['x'], 10, 0, value),
      () => client.counter('x', value as Anything),
      () => creator.close(value),
      () => memoryBackend(value),
      () => client.resume(value as Anything),
    ];
    for (const act of refusals) expect((await refusal(act)).cause).toBeInstanceOf(Error);
  });

  it('is read once: an option cannot be another after its check', async () => {
    let asked = 0;
    const options = {
      get group() {
        return asked++ === 0 ? 'a' : '\ud800';
      },
    };
    expect(client.creator('x', options).name).toBe('a/x');
    expect(asked).toBe(1);
  });

  it.each([
    ['has the prototype of one', Object.create(AbortSignal.prototype)],
    ['is the proxy of one, revoked', revoked(new AbortController().signal)],
  ])('is no signal although it %s', async (_, signal) => {
    expect((await refusal(() => creator.acquire(10, 0, { signal }))).argument).toBe('signal');
    expect((await refusal(() => creator.watch({ signal }))).argument).toBe('signal');
  });

  it.each([
    ['a revoked proxy', revoked(['x'])],
    ['an array whose length throws', trapped(['x'], 'get')],
    ['an array of 2^32 - 1 holes', new Array(2 ** 32 - 1)],
  ])('is no list of names or sources: %s', async (_, list) => {
    expect((await refusal(() => client.acquireAll(list, 10))).argument).toBe('names');
    expect((await refusal(() => redlockBackend(list))).argument).toBe('sources');
    expect((await refusal(() => etcdBackend(list))).argument).toBe('source');
  });

  it('is a list of names although its own methods are none', async () => {
    const names = Object.assign(['p', 'q'], { entries: 5, map: 5, [Symbol.iterator]: 5 });
    const locks = await client.acquireAll(names as Anything, 1_000, 0);
    expect(locks.names).toEqual(['p', 'q']);
    await locks.release();
  });
});

describe('what is nearly a source', () => {
  const methods = (...names: string[]) => Object.fromEntries(names.map((name) => [name, () => {}]));

  it.each([
    [
      'a backend without a clock',
      methods('acquire', 'tryAcquire', 'refresh', 'release', 'inspect', 'watch', 'close'),
    ],
    ['an instance without options', methods('evalsha', 'on', 'off', 'disconnect', 'duplicate')],
    ['a getter', trapped({}, 'get')],
  ])('is refused: %s', async (_, source) => {
    expect((await refusal(() => new LockCreator('x', source as Anything))).argument).toBe('source');
    expect((await refusal(() => redisBackend(source as Anything))).argument).toBe('source');
    expect((await refusal(() => etcdBackend(source as Anything))).argument).toBe('source');
  });
});

describe('nothing', () => {
  const { redis } = agreeableRedis(new ManualClock());

  it.each(['prefix', 'fenceRetention', 'safetyNet', 'commandTimeout'])(
    'is no %s: null is not undefined',
    async (option) => {
      expect((await refusal(() => redisBackend(redis, { [option]: null }))).argument).toBe(option);
      expect((await refusal(() => redlockBackend([redis], { [option]: null }))).argument).toBe(option);
    },
  );

  it('is no capacity', async () => {
    expect((await refusal(() => client.semaphore('x', undefined as Anything))).argument).toBe('capacity');
  });

  it.each([null, 0, '', 'no'])('%j is no answer to whether leases are to be released', async (release) => {
    expect((await refusal(() => creator.close({ release } as Anything))).argument).toBe('release');
    expect((await refusal(() => client.close({ release } as Anything))).argument).toBe('release');
  });
});

describe('a URL', () => {
  it.each([
    'redis://me:secret\nsecret@localhost/x',
    'redis:me:secret@localhost',
    'me:secret@localhost',
    'redlock://me:secret\r@localhost/x',
    'etcd://me:secret\n@localhost/x',
  ])('does not tell its password: %j', async (url) => {
    const error = await refusal(() => backendFromUrl(url));
    expect(inspect(error)).not.toContain('secret');
  });

  it('does not tell its password among others', async () => {
    const urls = ['http://me:secret@a', 'http://you:secret@b'];
    expect(inspect(await refusal(() => etcdBackend(urls)))).not.toContain('secret');
  });

  it.each([
    'redis://localhost?Connector=x',
    'redis://localhost?sentinels=x',
    'redis://localhost/0?replyMapping=resp3',
    'redis://me:%zz@localhost',
    'redis://localhost#x',
  ])('has nothing in it that ioredis would stumble over: %s', async (url) => {
    await refusal(() => redisBackend(url));
    await refusal(() => redlockBackend([url]));
  });
});

describe('a lease that another process has handed over', () => {
  const json = { version: 1, name: 'x', fencingToken: 1, units: 1, ttl: 1_000 } as const;

  it.each(['a:1:99999999999', `a:${'1'.repeat(12)}:10`, 'a:1:10:99999999999', `${'a'.repeat(257)}:1:10`])(
    'has no owner such as %s',
    async (owner) => {
      expect((await refusal(() => client.resume({ ...json, owner }))).argument).toBe('json.owner');
    },
  );
});

describe('certificates', () => {
  it('that are none are refused before anything is sent', async () => {
    const junk = Buffer.from('x');
    const credentials = { rootCertificate: junk, privateKey: junk, certChain: junk };
    expect((await refusal(() => etcdBackend('https://localhost', { credentials }))).argument).toBe(
      'credentials',
    );
    const unpaired = { rootCertificate: junk, privateKey: junk };
    const act = () => etcdBackend('https://localhost', { credentials: unpaired });
    expect((await refusal(act)).argument).toBe('credentials');
  });
});

describe('a test kit', () => {
  it.each([null, undefined, 5, {}, 'a proxy'])('%# is no lock', async (given) => {
    const kit = testKit();
    const lock = given === 'a proxy' ? revoked({}) : given;
    expect((await refusal(() => kit.lose(lock as Anything))).argument).toBe('lock');
    expect((await refusal(() => kit.occupy(lock as Anything))).argument).toBe('lock');
  });

  it('is asked for faults of calls that there are', async () => {
    const kit = testKit();
    expect((await refusal(() => kit.delay(1, { on: 5 as Anything }))).argument).toBe('on');
    expect((await refusal(() => kit.fail(revoked({}) as Anything))).argument).toBe('fault');
  });
});
