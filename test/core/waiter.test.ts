import { beforeEach, describe, expect, it } from 'vitest';
import type { Canceller, Grant, LeaseRequest } from '../../src/core/backend.ts';
import { DeadlineQueue } from '../../src/core/deadline-queue.ts';
import type { WakeSource } from '../../src/core/diagnostics.ts';
import { Waiter } from '../../src/core/waiter.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';

class PlainWaiter extends Waiter {
  ends = 0;
  reason: unknown;

  protected override whyTooLate(): unknown {
    return this.reason ?? super.whyTooLate();
  }

  protected ended(): void {
    this.ends += 1;
  }
}

/** A request that notes its answers. */
class NotedRequest implements LeaseRequest {
  readonly name = 'orders:42';
  readonly ttlMs = 10_000;
  readonly units = 1;
  readonly capacity = 1;
  readonly askedAt: number;
  readonly deadline: number;
  canceller: Canceller | undefined;
  readonly answers: unknown[] = [];
  wake: WakeSource | undefined;

  constructor(askedAt: number) {
    this.askedAt = askedAt;
    this.deadline = askedAt + 1_000;
  }

  granted(grant: Grant, wake?: WakeSource): void {
    this.answers.push(grant);
    this.wake = wake;
  }

  refused(): void {
    this.answers.push('refused');
  }

  failed(reason: unknown): void {
    this.answers.push(reason);
  }
}

let clock: ManualClock;
let request: NotedRequest;
let waiter: PlainWaiter;

beforeEach(() => {
  clock = new ManualClock();
  request = new NotedRequest(clock.now());
  waiter = new PlainWaiter('me:1:10000', request, new DeadlineQueue(clock));
});

describe('a waiter', () => {
  it('that is handed over to tells the caller first, and forgets after the turn of that', async () => {
    const turns: string[] = [];
    request.granted = () => void Promise.resolve().then(() => turns.push(`told, ${waiter.ends} ends`));
    waiter.startTimer();
    waiter.handOver(7, 500);
    waiter.handOver(8, 600);
    waiter.fail('too late');
    expect(waiter.lease).toMatchObject({ fencingToken: 7, deadline: 500 });
    await clock.advance(0);
    expect([...turns, waiter.ends, clock.pending]).toEqual(['told, 0 ends', 1, 0]);
  });

  it('that is granted has its lease, no alarm, and hears of nothing more', () => {
    waiter.startTimer();
    waiter.startTimer();
    expect(clock.pending).toBe(1);
    waiter.grant(7, 5_000, 'handoff');
    expect(clock.pending).toBe(0);
    waiter.grant(8, 6_000, 'reply');
    waiter.refuse();
    waiter.fail(new Error('late'));
    request.canceller?.cancel(new Error('late'));
    waiter.startTimer();
    expect(clock.pending).toBe(0);
    expect(request.answers).toEqual([
      { name: 'orders:42', owner: 'me:1:10000', fencingToken: 7, units: 1, ttlMs: 10_000, deadline: 5_000 },
    ]);
    expect(request.wake).toBe('handoff');
    expect({ outcome: waiter.outcome, ends: waiter.ends }).toEqual({ outcome: 'granted', ends: 1 });
  });

  it('that has given up takes no grant any more', () => {
    const reason = new Error('enough');
    waiter.startTimer();
    request.canceller?.cancel(reason);
    waiter.grant(7, 5_000, 'handoff');
    waiter.refuse();
    waiter.fail(new Error('late'));
    expect(request.answers).toEqual([reason]);
    expect({ outcome: waiter.outcome, ends: waiter.ends }).toEqual({ outcome: 'failed', ends: 1 });
    expect(waiter.lease).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it('that is refused takes no grant any more', () => {
    waiter.refuse();
    waiter.grant(7, 5_000, 'handoff');
    waiter.fail(new Error('late'));
    expect(request.answers).toEqual(['refused']);
    expect({ outcome: waiter.outcome, ends: waiter.ends }).toEqual({ outcome: 'refused', ends: 1 });
  });

  it('times out only once its timer has been started, with its own reason', async () => {
    waiter.reason = new Error('the server was never reached');
    await clock.advance(2_000);
    expect(waiter.outcome).toBe('waiting');
    waiter.startTimer();
    await clock.advance(1);
    expect(request.answers).toEqual([waiter.reason]);
    expect(waiter.ends).toBe(1);
  });
});
