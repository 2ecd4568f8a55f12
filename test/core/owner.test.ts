import { describe, expect, it } from 'vitest';
import { clientOf, isShare, Owners, ttlOf } from '../../src/core/owner.ts';

const mutex = (ttlMs: number) => ({ ttlMs, units: 1, capacity: 1 });

describe('an owner id', () => {
  it('says whose it is, and how long a lease it wants', () => {
    const owners = new Owners('worker-7');
    expect(owners.client).toMatch(new RegExp(`^worker-7\\.${process.pid}\\.[0-9a-f]{12}$`));
    expect(owners.next(mutex(30_000))).toMatch(new RegExp(`^${owners.client}:1:30000$`));
    expect(clientOf(owners.next(mutex(500)))).toBe(owners.client);
  });

  it('has units only where there is more than one to be had', () => {
    const owners = new Owners();
    const permit = owners.next({ ttlMs: 700, units: 3, capacity: 5 });
    expect(permit).toMatch(/:1:700:3$/);
    expect([ttlOf(permit), isShare(permit)]).toEqual([700, true]);
    const plain = owners.next(mutex(800));
    expect([ttlOf(plain), isShare(plain)]).toEqual([800, false]);
    expect(owners.next({ ttlMs: 700, units: 1, capacity: 5 })).toMatch(/:700:1$/);
  });

  it('is never given twice, also by two clients of one process with one name', () => {
    const all = new Set<string>();
    const clients = [new Owners('a'), new Owners('a'), new Owners()];
    for (const owners of clients) for (let i = 0; i < 1_000; i++) all.add(owners.next(mutex(10)));
    expect(all.size).toBe(3_000);
  });

  it('is plain ASCII without spaces whatever the host is called', () => {
    expect(new Owners().next(mutex(10))).toMatch(/^[A-Za-z0-9._-]{1,64}\.\d+\.[0-9a-f]{12}:\w+:10$/);
  });

  it('that is not one of ours is a client of its own', () => {
    expect(clientOf('somebody')).toBe('somebody');
  });
});
