import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { driftMs } from '../../src/core/deadline.ts';
import {
  type Lock,
  LockBackendError,
  type LockClient,
  LockLostError,
  LockTimeoutError,
} from '../../src/index.ts';
import { type TestKit, testKit } from '../../src/testing/kit.ts';

const CLIENTS = 3;
const NAME = 'name';
/** Steps are taken at whole turns of the clock, waits end at such, and leases never do. */
const TURN_MS = 250;

type Step =
  | { kind: 'acquire'; client: number; ttl: number; wait: number }
  | { kind: 'release' | 'lose' | 'occupy' | 'fail' | 'restore' }
  | { kind: 'advance'; ms: number };

const turns = (most: number) => fc.integer({ min: 1, max: most }).map((count) => count * TURN_MS);
const acquire = fc.record({
  kind: fc.constant('acquire' as const),
  client: fc.nat({ max: CLIENTS - 1 }),
  ttl: turns(12).map((ms) => ms + 1),
  wait: fc.oneof(
    { weight: 3, arbitrary: turns(20) },
    { weight: 1, arbitrary: fc.constantFrom(0, Number.POSITIVE_INFINITY) },
  ),
});
const only = <K extends Step['kind']>(kind: K) => fc.record({ kind: fc.constant(kind) });
const advance = fc.record({ kind: fc.constant('advance' as const), ms: turns(10) });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: acquire },
    { weight: 3, arbitrary: advance },
    { weight: 2, arbitrary: only('release') },
    { weight: 1, arbitrary: only('lose') },
    { weight: 1, arbitrary: only('occupy') },
    { weight: 1, arbitrary: only('fail') },
    { weight: 2, arbitrary: only('restore') },
  ),
  { minLength: 5, maxLength: 40 },
);

/** Nobody of the history: the stranger who occupies. */
const STRANGER = -1;

interface Asked {
  readonly id: number;
  readonly ttl: number;
  readonly until: number;
}

/** The reference: one holder until an instant, a line of those who wait until theirs, and what each is told, and when. */
class Reference {
  now = 0;
  holder: { readonly id: number; readonly deadline: number; readonly end: number } | undefined;
  line: Asked[] = [];
  fence = 0;
  failing = false;
  /** Whose release the server has not heard of. */
  readonly unheard = new Set<number>();
  readonly told: string[] = [];

  acquire(id: number, ttl: number, wait: number): void {
    if (this.failing) this.told.push(`${id} fails at ${this.now}`);
    else if (!this.holder) this.grant({ id, ttl, until: this.now });
    else if (wait === 0) this.told.push(`${id} times out at ${this.now}`);
    else this.line.push({ id, ttl, until: this.now + wait });
  }

  /** The lock passes to the next in line. */
  end(): void {
    this.holder = undefined;
    const next = this.line.shift();
    if (next) this.grant(next);
  }

  grant({ id, ttl }: Asked): void {
    this.fence += 1;
    const end = this.now + ttl;
    this.holder = { id, end, deadline: end - driftMs(ttl) };
    if (id !== STRANGER) this.told.push(`${id} granted ${this.fence} at ${this.now}`);
  }

  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const soonest = Math.min(...this.line.map(({ until }) => until));
      const expiry = this.holder?.end ?? Number.POSITIVE_INFINITY;
      const next = Math.min(soonest, expiry);
      if (next > end) break;
      this.now = next;
      if (expiry === next) {
        this.end();
        continue;
      }
      for (const { id } of this.line.filter(({ until }) => until === next)) {
        this.told.push(`${id} times out at ${next}`);
      }
      this.line = this.line.filter(({ until }) => until > next);
    }
    this.now = end;
  }
}

/** The kit, and what it has told whom. */
class Real {
  readonly kit: TestKit = testKit();
  readonly clients: LockClient[] = Array.from({ length: CLIENTS }, () => this.kit.client());
  readonly told: string[] = [];
  readonly locks = new Map<number, Lock>();
  readonly #start = this.kit.clock.now();

  get now(): number {
    return this.kit.clock.now() - this.#start;
  }

  acquire(id: number, { client, ttl, wait }: Extract<Step, { kind: 'acquire' }>): void {
    const note = (what: string) => this.told.push(`${id} ${what} at ${this.now}`);
    this.clients[client]!.creator(NAME)
      .acquire(ttl, wait)
      .then(
        (lock) => {
          this.locks.set(id, lock);
          note(`granted ${lock.fencingToken}`);
        },
        (error: unknown) => {
          if (error instanceof LockTimeoutError) note('times out');
          else if (error instanceof LockBackendError) note('fails');
          else note(String(error));
        },
      );
  }

  lockOf(id: number): Lock {
    return this.locks.get(id)!;
  }
}

async function take(step: Step, id: number, reference: Reference, real: Real): Promise<void> {
  const { kit } = real;
  const { holder } = reference;
  switch (step.kind) {
    case 'acquire':
      real.acquire(id, step);
      reference.acquire(id, step.ttl, step.wait);
      break;
    case 'advance':
      await kit.clock.advance(step.ms);
      reference.advance(step.ms);
      break;
    case 'release': {
      // Asked once more, a lock answers the same.
      if (!holder || reference.unheard.has(holder.id)) return;
      const released = real.lockOf(holder.id).release();
      const unheard = reference.failing && holder.id !== STRANGER;
      // A holder gives a lease up a little earlier than the server, which is told all the same.
      if (reference.now >= holder.deadline) await expect(released).rejects.toThrow(LockLostError);
      else if (unheard) await expect(released).rejects.toThrow(LockBackendError);
      else await released;
      if (unheard) {
        reference.unheard.add(holder.id);
        return;
      }
      reference.end();
      break;
    }
    case 'lose':
      if (!holder) return;
      await kit.lose(NAME);
      reference.end();
      break;
    case 'occupy': {
      const occupying = kit.occupy(NAME);
      if (holder) {
        await expect(occupying).rejects.toThrow(LockTimeoutError);
        return;
      }
      real.locks.set(STRANGER, await occupying);
      reference.grant({ id: STRANGER, ttl: Number.POSITIVE_INFINITY, until: reference.now });
      break;
    }
    case 'fail':
      if (!reference.failing) kit.fail();
      reference.failing = true;
      break;
    case 'restore':
      kit.restore();
      reference.failing = false;
      break;
  }
  await kit.clock.advance(0);
}

describe('a test kit', () => {
  it('tells everybody what a lock with a line would tell, at the very instant', async () => {
    const done = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        const [reference, real] = [new Reference(), new Real()];
        for (const [id, step] of history.entries()) {
          await take(step, id, reference, real);
          // Fences tell the order of grants; whose time is up at one instant has no order.
          expect(real.told.toSorted()).toEqual(reference.told.toSorted());
          expect(real.now).toBe(reference.now);
        }
        real.kit.restore();
        expect((await real.clients[0]!.creator(NAME).inspect()).waiters).toBe(reference.line.length);
        for (const told of reference.told) {
          const [, what = ''] = told.split(' ');
          done.set(what, (done.get(what) ?? 0) + 1);
        }
        await real.kit.close();
        expect(real.kit.clock.pending).toBe(0);
      }),
      { numRuns: 1_000 },
    );
    for (const what of ['granted', 'times', 'fails']) expect(done.get(what)).toBeGreaterThan(100);
  }, 60_000);

  it('tells the same in every run of a history, with answers that come late, too', async () => {
    const lateness = fc.array(fc.nat({ max: 1_000 }), { minLength: 40, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(steps, lateness, async (history, delays) => {
        const run = async (): Promise<string[]> => {
          const real = new Real();
          for (const [id, step] of history.entries()) {
            if (id % 4 === 0) real.kit.delay(delays[id]!, { times: 3 });
            if (step.kind === 'acquire') real.acquire(id, step);
            else if (step.kind === 'advance') await real.kit.clock.advance(step.ms);
            else if (step.kind === 'fail') real.kit.fail('unavailable', { times: 2 });
            else if (step.kind === 'release') {
              const [lock] = [...real.locks.values()].slice(-1);
              const note = (what: string) => real.told.push(`${what} at ${real.now}`);
              lock?.release().then(
                () => note('released'),
                ({ code }) => note(code),
              );
            }
            await real.kit.clock.advance(0);
          }
          await real.kit.close();
          return real.told;
        };
        const first = await run();
        expect(await run()).toEqual(first);
      }),
      { numRuns: 100 },
    );
  }, 60_000);
});
