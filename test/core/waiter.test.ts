import { beforeEach, describe, expect, it } from 'vitest';
import { PendingRequest } from '../../src/core/request.ts';
import { Waiter } from '../../src/core/waiter.ts';
import { ManualClock } from '../support/manual-clock.ts';

let clock: ManualClock;
let request: PendingRequest;
let ends: number;
let waiter: Waiter;

beforeEach(() => {
  clock = new ManualClock();
  request = new PendingRequest('orders:42', 10_000, clock.now(), 1_000, {});
  ends = 0;
  waiter = new Waiter('me:1:10000', request, clock, () => {
    ends += 1;
  });
});

describe('a waiter', () => {
  it('that is granted has its lease, no alarm, and hears of nothing more', async () => {
    waiter.startTimer();
    waiter.startTimer();
    expect(clock.pending).toBe(1);
    waiter.grant(7, 5_000);
    expect(clock.pending).toBe(0);
    waiter.grant(8, 6_000);
    waiter.fail(new Error('late'));
    request.cancel(new Error('late'));
    waiter.startTimer();
    expect(clock.pending).toBe(0);
    expect(await waiter.promise).toEqual({
      name: 'orders:42',
      owner: 'me:1:10000',
      fencingToken: 7,
      ttlMs: 10_000,
      deadline: 5_000,
    });
    expect({ outcome: waiter.outcome, ends }).toEqual({ outcome: 'granted', ends: 1 });
  });

  it('that has given up takes no grant any more', async () => {
    const reason = new Error('enough');
    const rejection = expect(waiter.promise).rejects.toBe(reason);
    waiter.startTimer();
    request.cancel(reason);
    waiter.grant(7, 5_000);
    waiter.fail(new Error('late'));
    await rejection;
    expect({ outcome: waiter.outcome, ends }).toEqual({ outcome: 'failed', ends: 1 });
    expect(waiter.lease).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it('times out only once its timer has been started, with the error of whoever started it', async () => {
    const reason = new Error('the server was never reached');
    const rejection = expect(waiter.promise).rejects.toBe(reason);
    await clock.advance(2_000);
    expect(waiter.outcome).toBe('waiting');
    waiter.startTimer(() => reason);
    await clock.advance(1);
    await rejection;
    expect(ends).toBe(1);
  });
});
