import { describe, expect, it } from 'vitest';
import { type EtcdBackendOptions, etcdBackend } from '../../src/etcd/backend.ts';
import { LockClient } from '../../src/index.ts';
import { type EtcdCluster, startEtcd } from '../support/etcd.ts';
import { startProxy } from '../support/proxy.ts';
import { until } from '../support/wait.ts';

const ROOT = '--user=root:secret';

/** A cluster that asks for a password, with a user who may touch nothing but what a lock needs. */
async function startWithUsers(): Promise<EtcdCluster> {
  const etcd = await startEtcd();
  await etcd.ctl('user', 'add', 'root:secret');
  await etcd.ctl('role', 'add', 'locker');
  await etcd.ctl('role', 'grant-permission', 'locker', 'readwrite', '--prefix', 'baton/');
  await etcd.ctl('user', 'add', 'ann:p@ss/word');
  await etcd.ctl('user', 'grant-role', 'ann', 'locker');
  await etcd.ctl('auth', 'enable');
  return etcd;
}

function withLogin({ url }: EtcdCluster, login: string): string {
  return url.replace('//', `//${login}@`);
}

function connect(url: string, options: EtcdBackendOptions = {}): LockClient {
  return new LockClient(etcdBackend(url, { commandTimeout: 2_000, ...options }));
}

/** What an acquire fails with; it must not use up its wait timeout. */
async function denial(url: string, options?: EtcdBackendOptions): Promise<unknown> {
  const client = connect(url, options);
  const start = performance.now();
  try {
    return await client
      .creator('lock')
      .acquire(1_000, 10_000)
      .catch((error: unknown) => error);
  } finally {
    expect(performance.now() - start).toBeLessThan(5_000);
    await client.close();
  }
}

const DENIED = { code: 'ERR_LOCK_BACKEND', reason: 'denied', retryable: false, lockName: 'lock' };

describe('etcd with users', () => {
  it('row 49: says at once that it lets us in no more', async () => {
    await using etcd = await startWithUsers();
    expect(await denial(etcd.url)).toMatchObject(DENIED);
    expect(await denial(withLogin(etcd, 'ann:wrong'))).toMatchObject(DENIED);
    const auth = { username: 'ann', password: 'p@ss/word' };
    expect(await denial(etcd.url, { auth, prefix: 'elsewhere' })).toMatchObject(DENIED);
    expect(String(await denial(withLogin(etcd, 'ann:wrong')))).not.toContain('wrong@');
  });

  it('row 46: needs no more rights than to its own keys, and survives the loss of its token', async () => {
    await using etcd = await startWithUsers();
    const url = withLogin(etcd, `ann:${encodeURIComponent('p@ss/word')}`);
    await using client = connect(url);
    await using other = connect(url);
    const creator = client.creator('lock');
    const states: (string | undefined)[] = [];
    const watching = creator.watch();
    const following = (async () => {
      for await (const { holders } of watching) states.push(holders[0]?.owner);
    })();
    await until(() => states.length === 1, { what: 'the first state' });
    const lock = await creator.acquire(30_000);
    await lock.refresh(20_000);
    const waiting = other.creator('lock').acquire(30_000);
    await until(async () => (await creator.inspect()).waiters === 1, { what: 'the waiter' });
    // Tokens do not outlive the server; who has one must get another, on every stream.
    await etcd.members[0]?.kill();
    await etcd.members[0]?.restart();
    const answers = () =>
      etcd.ctl('get', 'none', ROOT).then(
        () => true,
        () => false,
      );
    await until(answers, { what: 'the restart' });
    await lock.release();
    const next = await waiting;
    await until(() => states.length === 3, { what: 'the last state' });
    expect(states).toEqual([undefined, lock.owner, next.owner]);
    await creator.forceRelease();
    await expect(next.refresh()).rejects.toMatchObject({ reason: 'taken' });
    await watching.return?.();
    await following;
  });

  it('row 46: survives the loss of all its tokens, of which it has one for each member', async () => {
    await using etcd = await startWithUsers();
    const [member] = etcd.members;
    await using one = await startProxy(member!);
    await using two = await startProxy(member!);
    const auth = { username: 'ann', password: 'p@ss/word' };
    await using client = connect(`etcd://${one.host}:${one.port},${two.host}:${two.port}`, { auth });
    await using other = connect(etcd.url, { auth });
    const creator = client.creator('lock');
    // Both have let it in: the first until it fails, and then the second.
    await creator.inspect();
    const [first, second] = one.connections > 0 ? [one, two] : [two, one];
    first.refuse();
    first.cut();
    await creator.inspect();
    expect(second.connections).toBeGreaterThan(0);
    first.accept();
    const lock = await other.creator('lock').acquire(60_000);
    const waiting = creator.acquire(60_000);
    await until(async () => (await other.creator('lock').inspect()).waiters === 1, { what: 'the waiter' });
    // That ends all tokens; the watch learns of it when its stream has to be opened again.
    await etcd.ctl('auth', 'disable', ROOT);
    await etcd.ctl('auth', 'enable');
    second.cut();
    await other
      .creator('lock')
      .inspect()
      .catch(() => {});
    await lock.release();
    expect((await waiting).fencingToken).toBeGreaterThan(lock.fencingToken);
  });
});

describe('etcd with TLS', () => {
  it('trusts the certificate it is told of, and row 49: no other', async () => {
    await using etcd = await startEtcd({ tls: true });
    const rootCertificate = await etcd.members[0]!.certificate();
    await using client = connect(etcd.url, { credentials: { rootCertificate } });
    const lock = await client.creator('lock').acquire(30_000);
    await lock.release();
    expect(await denial(etcd.url)).toMatchObject(DENIED);
  });
});
