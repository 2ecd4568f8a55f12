import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { driftMs, leaseDeadline } from '../../src/core/deadline.ts';

describe('the deadline of a lease', () => {
  it('allows for clocks that run apart: 1 % of the TTL and 2 ms', () => {
    expect(driftMs(30_000)).toBe(302);
    expect(driftMs(10)).toBeCloseTo(2.1);
  });

  it('allows for more where a backend says so', () => {
    expect(driftMs(30_000, 0.05)).toBe(1_502);
    expect(leaseDeadline(1_000, 30_000, 0.05)).toBe(1_000 + 30_000 - 1_502);
  });

  it('row 7: is counted from before the request was sent', () => {
    expect(leaseDeadline(1_000, 30_000)).toBe(1_000 + 30_000 - 302);
  });

  it('lies between the sending and the end of the lease, less 2 ms, for every TTL that is accepted', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.integer({ min: 10, max: 2_147_483_647 }), (sentAt, ttl) => {
        expect(leaseDeadline(sentAt, ttl)).toBeGreaterThan(sentAt);
        expect(leaseDeadline(sentAt, ttl)).toBeLessThan(sentAt + ttl - 2);
      }),
    );
  });
});
