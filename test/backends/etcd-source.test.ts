import { Etcd3 } from 'etcd3';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EtcdBackendOptions, etcdBackend } from '../../src/etcd/backend.ts';
import { parseHosts } from '../../src/etcd/hosts.ts';
import { Keys, newLeaseId } from '../../src/etcd/keys.ts';
import { LockArgumentError } from '../../src/index.ts';

type Source = Parameters<typeof etcdBackend>[0];

function refusal(source: unknown, options?: unknown): LockArgumentError {
  try {
    etcdBackend(source as Source, options as EtcdBackendOptions);
  } catch (error) {
    expect(error).toBeInstanceOf(LockArgumentError);
    return error as LockArgumentError;
  }
  throw new Error('accepted');
}

describe('the source of an etcd backend', () => {
  it.each([
    ['etcd://a', ['http://a:2379']],
    ['etcd://a:1,b,[::1]:3/', ['http://a:1', 'http://b:2379', 'http://[::1]:3']],
    ['http://a:80', ['http://a:80']],
    ['https://a:443,b', ['https://a:443', 'https://b:2379']],
    [
      ['http://a', 'etcd://b:5'],
      ['http://a:2379', 'http://b:5'],
    ],
  ])('%s names hosts', (source, hosts) => {
    expect(parseHosts(source)).toEqual({ hosts, auth: undefined });
  });

  it('may hold a login, once or in each URL', () => {
    const auth = { username: 'ann', password: 'p@ss:word' };
    expect(parseHosts('etcd://ann:p%40ss%3Aword@a,b').auth).toEqual(auth);
    expect(parseHosts(['etcd://ann:p%40ss%3Aword@a', 'etcd://b']).auth).toEqual(auth);
  });

  it.each([
    '',
    'a:2379',
    'redis://a',
    'etcd://',
    'etcd://a,',
    'etcd://a/path',
    'etcd://a?x=1',
    'etcd://a:70000',
    'etcd://ann@a',
    'etcd://ann:%zz@a',
    [],
    ['http://a', 'https://b'],
    ['http://x:y@a', 'http://z:y@b'],
    [7],
    7,
    null,
    {},
  ])('%j is refused', (source) => {
    expect(refusal(source).argument).toBe('source');
  });

  it('is refused without telling the password', () => {
    expect(refusal('etcd://ann:secret@a/path').message).not.toContain('secret');
  });

  it.each([
    [{ prefix: 'a b' }, 'prefix'],
    [{ prefix: 'ä' }, 'prefix'],
    [{ prefix: 'x'.repeat(129) }, 'prefix'],
    [{ clientName: 'a:b' }, 'clientName'],
    [{ commandTimeout: 9 }, 'commandTimeout'],
    [{ auth: { username: 'ann' } }, 'auth'],
    [{ auth: null }, 'auth'],
    [{ credentials: { rootCertificate: 'text' } }, 'credentials'],
    [5_000, 'options'],
  ])('with the options %j is refused', (options, argument) => {
    expect(refusal('etcd://a', options).argument).toBe(argument);
  });

  it('may be a client of the user, which stays open', async () => {
    const client = new Etcd3({ hosts: 'http://127.0.0.1:1' });
    await etcdBackend(client).close();
    // A closed one says that it is.
    await expect(client.get('key').string()).rejects.toThrow(/UNAVAILABLE/);
    client.close();
  });
});

describe('row 44: the keys of a name on etcd', () => {
  const name = fc.oneof(
    fc.string({
      unit: fc.constantFrom('/', '%', '2', 'F', '5', '0', 'a', '\0', 'ä'),
      minLength: 1,
      maxLength: 6,
    }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
  );
  const prefix = fc.constantFrom('', 'baton', '/locks/app');

  it('lie in the range of that name, and of no other', () => {
    const property = fc.property(prefix, name, name, (start, one, other) => {
      const keys = new Keys(start);
      const key = keys.place(one, newLeaseId());
      const within = (owner: string) => {
        const range = keys.line(owner);
        return key.compare(range.key) >= 0 && key.compare(range.range_end) < 0;
      };
      expect(within(one)).toBe(true);
      expect(within(other)).toBe(one === other);
    });
    const examples: [string, string, string][] = [
      ['', 'a/b', 'a%2Fb'],
      ['', '%', '%25'],
    ];
    fc.assert(property, { numRuns: 2_000, examples });
  });
});
