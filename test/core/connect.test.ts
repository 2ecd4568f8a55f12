import { beforeEach, describe, expect, it, vi } from 'vitest';
import { connect } from '../../src/connect.ts';

const { made } = vi.hoisted(() => ({ made: [] as { kind: string; args: unknown[] }[] }));

/** Notes what connections are made of, and makes none. */
vi.mock('ioredis', () => {
  const fake = (kind: string) =>
    class {
      constructor(...args: unknown[]) {
        made.push({ kind, args });
      }

      on(): void {}
    };
  return { Redis: fake('Redis'), Cluster: fake('Cluster') };
});

beforeEach(() => {
  made.length = 0;
});

function madeOf(url: string): { kind: string; args: unknown[] } | undefined {
  connect(url);
  expect(made).toHaveLength(1);
  return made[0];
}

describe('a URL becomes a connection', () => {
  it('to a cluster', () => {
    expect(madeOf('redis+cluster://user:p%40ss@h1:7000,[::1]:7001,h3')).toMatchObject({
      kind: 'Cluster',
      args: [
        [
          { host: 'h1', port: 7000 },
          { host: '::1', port: 7001 },
          { host: 'h3', port: 6379 },
        ],
        { redisOptions: { username: 'user', password: 'p@ss' } },
      ],
    });
    expect(Object(made[0]?.args[1]).redisOptions).not.toHaveProperty('tls');
  });

  it('to a cluster over TLS, by the names in the certificates', () => {
    const options = madeOf('rediss+cluster://:secret@h1')?.args[1] as {
      redisOptions: object;
      dnsLookup: (address: string, done: (error: null, address: string) => void) => void;
    };
    expect(options.redisOptions).toMatchObject({ password: 'secret', tls: {} });
    expect(options.redisOptions).not.toHaveProperty('username');
    options.dnsLookup('h1', (_, address) => expect(address).toBe('h1'));
    expect.assertions(4);
  });

  it('to the master that Sentinels name', () => {
    expect(madeOf('redis+sentinel://user:pass@s1,s2:5000/mymaster/3')).toMatchObject({
      kind: 'Redis',
      args: [
        {
          sentinels: [
            { host: 's1', port: 26379 },
            { host: 's2', port: 5000 },
          ],
          name: 'mymaster',
          db: 3,
          username: 'user',
          password: 'pass',
        },
      ],
    });
    expect(made[0]?.args[0]).not.toHaveProperty('tls');
  });

  it('to the master that Sentinels name, all over TLS', () => {
    expect(madeOf('rediss+sentinel://s1/mymaster')?.args[0]).toMatchObject({
      ...{ name: 'mymaster', db: 0, tls: {}, enableTLSForSentinelMode: true },
    });
  });

  it('to one server, as ioredis reads it', () => {
    expect(madeOf('rediss://user:pass@h1:1/2')?.args[0]).toBe('rediss://user:pass@h1:1/2');
  });
});
