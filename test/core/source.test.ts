import { Cluster, Redis } from 'ioredis';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  LockArgumentError,
  LockClient,
  LockCreator,
  type LockSource,
  LockUnsupportedError,
  type RedisBackendOptions,
  type RedlockBackendOptions,
  redisBackend,
  redlockBackend,
} from '../../src/index.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { ScriptedBackend } from './scripted-backend.ts';

const { made } = vi.hoisted(() => ({ made: [] as { url: string; status: string }[] }));

/** Notes every connection that the library opens, and lets none reach the network. */
vi.mock('ioredis', async (importOriginal) => {
  const original = await importOriginal<typeof import('ioredis')>();
  class Offline extends original.Redis {
    readonly url: string;
    constructor(url: string) {
      super(url, { lazyConnect: true });
      this.url = url;
      made.push(this);
    }
  }
  class OfflineCluster extends original.Cluster {
    constructor(nodes: { host: string; port: number }[]) {
      super(nodes, { lazyConnect: true });
      made.push({ url: JSON.stringify(nodes), status: this.status });
    }
  }
  return { ...original, Redis: Offline, Cluster: OfflineCluster };
});

let backend: ScriptedBackend;

beforeEach(() => {
  made.length = 0;
  backend = new ScriptedBackend(new ManualClock());
});

function refusal(act: () => unknown): LockArgumentError {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(LockArgumentError);
    expect(made.length, 'connections opened').toBe(0);
    return error as LockArgumentError;
  }
  throw new Error('accepted');
}

describe('a source', () => {
  it.each([undefined, null, 5, true, {}, [], () => {}, { acquire: () => {} }])('must not be %o', (value) => {
    const error = refusal(() => new LockClient(value as unknown as LockSource));
    expect(error).toMatchObject({ argument: 'source', value });
    expect(error.message).toContain(
      'source must be an ioredis Redis or Cluster instance, a Redis URL or a backend, got ',
    );
    expect(refusal(() => new LockCreator('x', value as unknown as LockSource)).argument).toBe('source');
  });

  it.each([
    '',
    'localhost',
    'localhost:6379',
    'http://localhost',
    'redis:',
    'redis://[',
    ' redis://localhost',
  ])('must not be the URL %j', (url) => {
    const error = refusal(() => new LockClient(url));
    expect(error).toMatchObject({ argument: 'source', value: url });
    expect(error.message).toContain('source must be a URL that begins with redis:// or rediss://');
    expect(refusal(() => redisBackend(url)).argument).toBe('source');
  });

  it.each([undefined, null, 5, {}])('of redisBackend must not be %o', (value) => {
    const error = refusal(() => redisBackend(value as unknown as string));
    expect(error.message).toContain('source must be an ioredis Redis or Cluster instance, or a URL, got ');
  });

  it('is checked after the name, so that a bad name opens no connection', () => {
    expect(refusal(() => new LockCreator('', 'redis://localhost')).argument).toBe('name');
    expect(refusal(() => new LockCreator('x', 'redis://localhost', { group: '' })).argument).toBe('group');
  });

  it('that is a URL is one connection, ended with the client', async () => {
    const client = new LockClient('redis://localhost:1');
    expect(made).toMatchObject([{ url: 'redis://localhost:1', status: 'wait' }]);
    await client.close();
    expect(made).toMatchObject([{ status: 'end' }]);
  });

  it('that is an instance of the user’s is neither copied nor ended', async () => {
    const redis = new Redis('redis://localhost:1');
    made.length = 0;
    const creators = [new LockCreator('x', redis), new LockCreator('y', redis)];
    for (const creator of creators) await creator.close();
    expect(made.length, 'connections opened').toBe(0);
    expect(redis.status).toBe('wait');
    redis.disconnect();
  });
});

describe('a backend', () => {
  it('is closed with the last of those who share it, each of whom counts once', async () => {
    const first = new LockCreator('x', backend);
    const second = new LockCreator('y', backend);
    const third = new LockClient(backend);
    await first.close();
    await first.close();
    await third.close();
    expect(backend.count('close')).toBe(0);
    await (await second.acquire(1_000)).release();
    await second.close();
    expect(backend.count('close')).toBe(1);
    await second.close();
    expect(backend.count('close')).toBe(1);
  });

  it('that will not do for a creator stays open, and can be used by others', async () => {
    const mutexes = Object.assign(backend, { supports: { ...backend.supports, capacity: false } });
    expect(() => new LockCreator('x', mutexes, { capacity: 3 })).toThrow(LockUnsupportedError);
    await new Promise((resolve) => setImmediate(resolve));
    expect(backend.count('close')).toBe(0);
    const client = new LockClient(mutexes);
    expect(() => client.semaphore('x', 3)).toThrow(LockUnsupportedError);
    await (await client.creator('x').acquire(1_000)).release();
    await client.close();
    expect(backend.count('close')).toBe(1);
  });

  it('stays open when a creator of a client is closed', async () => {
    const client = new LockClient(backend);
    await client.creator('x').close();
    expect(backend.count('close')).toBe(0);
    await client.close();
    expect(backend.count('close')).toBe(1);
  });
});

describe('an option of redisBackend', () => {
  const cases: [keyof RedisBackendOptions, unknown[], string][] = [
    [
      'prefix',
      ['', ' ', 'a b', '{', 'a}', 'é', '\n', 'x'.repeat(129), 5, {}],
      '1 to 128 printable ASCII characters without spaces or braces',
    ],
    ['clientName', ['', 'a b', 'a:b', 'ü', 'x'.repeat(65), 5], '1 to 64 letters, digits, ".", "_" or "-"'],
    ['fenceRetention', [0, -1, 1.5, Number.NaN, 2 ** 31, '1'], 'an integer of 1 … 2147483647 ms'],
    ['safetyNet', [99, 0, 1e3 + 0.5, Number.POSITIVE_INFINITY, '1'], 'an integer of 100 … 2147483647 ms'],
    ['commandTimeout', [9, -1, Number.NaN, '1'], 'an integer of 10 … 2147483647 ms'],
  ];

  it.each(cases)('%s is refused out of bounds, before a connection is opened', (option, values, bounds) => {
    for (const value of values) {
      const options = { [option]: value } as RedisBackendOptions;
      const error = refusal(() => redisBackend('redis://localhost:1', options));
      expect(error).toMatchObject({ argument: option, value });
      expect(error.message).toContain(`${option} must be ${bounds}, got `);
    }
  });

  it.each([
    ['replicas', 1, 'an object or undefined'],
    ['replicas.count', 0, 'an integer of 1 … 1000'],
    ['replicas.count', undefined, 'an integer of 1 … 1000'],
    ['replicas.timeout', 0, 'an integer of 1 … 2147483647 ms'],
  ])('%s is refused out of bounds: %s', (argument, value, bounds) => {
    const [, field] = argument.split('.');
    const replicas = (field ? { count: 1, [field]: value } : value) as NonNullable<
      RedisBackendOptions['replicas']
    >;
    const error = refusal(() => redisBackend('redis://localhost:1', { replicas }));
    expect(error).toMatchObject({ argument, value });
    expect(error.message).toContain(`${argument} must be ${bounds}, got `);
  });

  it('replicas is refused on a cluster, before a connection is opened', () => {
    const options = { replicas: { count: 1 } };
    expect(refusal(() => redisBackend('redis+cluster://localhost:1', options)).argument).toBe('replicas');
    const cluster = new Cluster([{ host: 'localhost', port: 1 }]);
    made.length = 0;
    expect(refusal(() => redisBackend(cluster, { replicas: { count: 1 } })).argument).toBe('replicas');
    cluster.disconnect();
  });

  it.each([null, 5, 'baton:', () => {}])('%s is no object', (options) => {
    const error = refusal(() => redisBackend('redis://localhost:1', options as unknown as object));
    expect(error).toMatchObject({ argument: 'options', value: options });
  });

  it('is accepted at its bounds', async () => {
    const backends = [
      redisBackend('redis://localhost:1', { prefix: 'x', clientName: 'y', fenceRetention: 1 }),
      redisBackend('redis://localhost:1', { prefix: '!~|z'.repeat(32), clientName: 'y'.repeat(64) }),
      redisBackend('redis://localhost:1', { safetyNet: 100, commandTimeout: 10 }),
      redisBackend('redis://localhost:1', { safetyNet: 2 ** 31 - 1, commandTimeout: 2 ** 31 - 1 }),
      redisBackend('rediss://localhost:1', {}),
    ];
    expect(made).toHaveLength(5);
    for (const accepted of backends) await accepted.close();
  });
});

describe('the sources of redlockBackend', () => {
  const urls = ['redis://localhost:1', 'redis://localhost:2', 'rediss://localhost:3'];

  it.each([undefined, null, 'redis://localhost', {}, []])('must not be %o', (sources) => {
    const error = refusal(() => redlockBackend(sources as unknown as string[]));
    expect(error).toMatchObject({ argument: 'sources', value: sources });
    expect(error.message).toContain('sources must be an array of at least one URL or ioredis Redis instance');
  });

  it.each([undefined, 5, {}, [], 'localhost', 'redis://user:secret@localhost/x', 'http://localhost'])(
    'must not contain %o, whatever comes before',
    (source) => {
      const error = refusal(() => redlockBackend(['redis://localhost:1', source as string]));
      expect(error.argument).toBe('sources[1]');
      expect(error.message).not.toContain('secret');
    },
  );

  it('must not contain a cluster', () => {
    const cluster = new Cluster([{ host: 'localhost', port: 1 }]);
    made.length = 0;
    const error = refusal(() => redlockBackend([cluster as unknown as Redis]));
    expect(error).toMatchObject({ argument: 'sources[0]', value: cluster });
    cluster.disconnect();
  });

  it('must be different servers, as URLs or as instances', () => {
    const redis = new Redis('redis://localhost:6379');
    made.length = 0;
    expect(refusal(() => redlockBackend(['redis://localhost', redis])).argument).toBe('sources');
    expect(refusal(() => redlockBackend([redis, redis])).argument).toBe('sources');
    const twice = ['redis://me:secret@localhost:5/1', 'rediss://localhost:5/2'];
    expect(refusal(() => redlockBackend(twice)).message).toBe(
      'sources must be different servers, got "localhost:5"',
    );
    redis.disconnect();
  });

  it('are ended with the backend if they are URLs', async () => {
    const redis = new Redis('redis://localhost:4');
    made.length = 0;
    const client = new LockClient(redlockBackend([...urls, redis]));
    expect(made.map(({ url }) => url)).toEqual(urls);
    await client.close();
    expect(made.map(({ status }) => status)).toEqual(['end', 'end', 'end']);
    expect(redis.status).toBe('wait');
    redis.disconnect();
  });

  it.each([
    ['quorum', [0, 1, 4, 2.5, Number.NaN, '2', null], 'an integer of 2 … 3 servers'],
    ['driftFactor', [0, -1, 0.51, Number.NaN, '0.01', null], 'a number above 0, up to 0.5'],
    ['commandTimeout', [9, Number.NaN, '1'], 'an integer of 10 … 2147483647 ms'],
  ])('have options; %s is refused out of bounds', (option, values, bounds) => {
    for (const value of values) {
      const error = refusal(() => redlockBackend(urls, { [option]: value } as RedlockBackendOptions));
      expect(error).toMatchObject({ argument: option, value });
      expect(error.message).toContain(`${option} must be ${bounds}, got `);
    }
  });

  it('have options, accepted at their bounds', async () => {
    const backends = [
      redlockBackend(urls, { quorum: 2, driftFactor: 0.5 }),
      redlockBackend(urls, { quorum: 3, driftFactor: Number.MIN_VALUE, commandTimeout: 10 }),
      redlockBackend(urls.slice(0, 1), { quorum: 1 }),
      redlockBackend(urls.slice(0, 2), { quorum: 2 }),
    ];
    for (const accepted of backends) await accepted.close();
  });
});
