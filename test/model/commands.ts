import fc from 'fast-check';
import { expect } from 'vitest';
import { type Lock, LockBackendError, LockLostError, LockTimeoutError } from '../../src/index.ts';
import { until } from '../support/wait.ts';
import type { Member } from './world.ts';

/** The TTL of every lease here: auto-refreshed while its client lives, so it matters only after a crash. */
const TTL = 700;
/** Whoever gets no time for longer may refresh a lease too late: that is due after a third of the TTL. */
export const MOST_STANDSTILL_MS = 300;
const MEMBERS = 3;

/** The reference: a mutex is a holder and a line of waiters, each known by a number and its client. */
export interface Model {
  next: number;
  line: { readonly id: number; readonly member: number }[];
  /** How many have died in line. They are dropped when the line moves on to them. */
  dead: number;
  /** Leases that have ended: releasing them once more must change nothing. */
  ended: number[];
}

/** The real thing. */
export interface Real {
  readonly name: string;
  readonly members: Member[];
  readonly connect: () => Promise<Member>;
  readonly attempts: Map<number, { promise: Promise<Lock>; abort: AbortController }>;
  lastToken: number;
}

type Step = fc.AsyncCommand<Model, Real>;

/** Afterwards the server has the same holder and as many waiters as the model, and the holder has been told. */
async function agree(model: Model, real: Real): Promise<void> {
  const creator = real.members[0]!.client.creator(real.name);
  const [head] = model.line;
  const lock = head && (await real.attempts.get(head.id)!.promise);
  await until(
    async () => {
      const { holders, waiters } = await creator.inspect();
      const alive = Math.max(0, model.line.length - 1);
      return holders[0]?.owner === lock?.owner && waiters >= alive && waiters <= alive + model.dead;
    },
    { what: `the lock to be held by ${lock?.owner} with ${model.line.length - 1} behind` },
  );
  if (!lock) return;
  lock.assertHeld();
  expect(lock.fencingToken).toBeGreaterThanOrEqual(real.lastToken);
  real.lastToken = lock.fencingToken;
}

class Acquire implements Step {
  readonly member: number;
  constructor(member: number) {
    this.member = member;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const id = model.next++;
    const abort = new AbortController();
    const creator = real.members[this.member]!.client.creator(real.name);
    const before = await creator.inspect();
    let granted = false;
    const promise = creator.acquire(TTL, 30_000, { signal: abort.signal }).then((lock) => {
      granted = true;
      return lock.autoRefresh();
    });
    promise.catch(() => {});
    real.attempts.set(id, { promise, abort });
    model.line.push({ id, member: this.member });
    // In line before the next step, or the order would be another than the model's.
    const inLine = async () => {
      const { holders, waiters } = await creator.inspect();
      if (waiters === before.waiters + 1) return true;
      // When a crashed holder's lease has run out meanwhile, the dead before the next in line have left with it.
      return holders[0]?.owner !== before.holders[0]?.owner && waiters >= model.line.length - 1;
    };
    await until(async () => granted || (await inLine()), { what: 'the newcomer to be in line' });
    await agree(model, real);
  }
  toString = () => `acquire(${this.member})`;
}

class TryAcquire implements Step {
  readonly member: number;
  constructor(member: number) {
    this.member = member;
  }
  check = (model: Readonly<Model>) => model.line.length > 0;
  async run(model: Model, real: Real): Promise<void> {
    expect(await real.members[this.member]!.client.creator(real.name).tryAcquire(TTL)).toBeNull();
    await agree(model, real);
  }
  toString = () => `tryAcquire(${this.member})`;
}

class TimeOut implements Step {
  readonly member: number;
  constructor(member: number) {
    this.member = member;
  }
  check = (model: Readonly<Model>) => model.line.length > 0;
  async run(model: Model, real: Real): Promise<void> {
    const creator = real.members[this.member]!.client.creator(real.name);
    const error: unknown = await creator.acquire(TTL, 15).catch((reason: unknown) => reason);
    // A busy machine may not have answered at all by then.
    expect(error instanceof LockTimeoutError || error instanceof LockBackendError).toBe(true);
    await agree(model, real);
  }
  toString = () => `timeOut(${this.member})`;
}

class Abort implements Step {
  readonly pick: number;
  constructor(pick: number) {
    this.pick = pick;
  }
  check = (model: Readonly<Model>) => model.line.length > 1;
  async run(model: Model, real: Real): Promise<void> {
    const index = 1 + (this.pick % (model.line.length - 1));
    const [{ id }] = model.line.splice(index, 1) as [Model['line'][number]];
    const { promise, abort } = real.attempts.get(id)!;
    const creator = real.members[0]!.client.creator(real.name);
    const { waiters } = await creator.inspect();
    abort.abort('aborted');
    await expect(promise).rejects.toBe('aborted');
    // Out of line before the next step, also where the server has to be told the script first.
    await until(async () => (await creator.inspect()).waiters < waiters, { what: 'it to be out of line' });
    await agree(model, real);
  }
  toString = () => `abort(${this.pick})`;
}

class Release implements Step {
  /** Also abort the next in line, at the same moment: the grant crosses the cancellation. */
  readonly crossing: boolean;
  constructor(crossing: boolean) {
    this.crossing = crossing;
  }
  check = (model: Readonly<Model>) => model.line.length > (this.crossing ? 1 : 0);
  async run(model: Model, real: Real): Promise<void> {
    const { id } = model.line.shift()!;
    model.ended.push(id);
    const lock = await real.attempts.get(id)!.promise;
    const releasing = lock.release();
    const [next] = model.line;
    if (this.crossing && next) {
      const { promise, abort } = real.attempts.get(next.id)!;
      abort.abort('aborted');
      const outcome = await promise.catch((reason: unknown) => reason);
      if (outcome === 'aborted') model.line.shift();
    }
    await releasing;
    await agree(model, real);
  }
  toString = () => `release(${this.crossing ? 'crossing an abort' : ''})`;
}

class ReleaseAgain implements Step {
  readonly pick: number;
  constructor(pick: number) {
    this.pick = pick;
  }
  check = (model: Readonly<Model>) => model.ended.length > 0;
  async run(model: Model, real: Real): Promise<void> {
    const id = model.ended[this.pick % model.ended.length]!;
    await (await real.attempts.get(id)!.promise).release();
    await agree(model, real);
  }
  toString = () => `releaseAgain(${this.pick})`;
}

class Force implements Step {
  check = (model: Readonly<Model>) => model.line.length > 0;
  async run(model: Model, real: Real): Promise<void> {
    const { id } = model.line.shift()!;
    const lock = await real.attempts.get(id)!.promise;
    expect(await real.members[0]!.client.creator(real.name).forceRelease()).toBe(true);
    await agree(model, real);
    await expect(lock.release()).rejects.toBeInstanceOf(LockLostError);
    await agree(model, real);
  }
  toString = () => 'forceRelease()';
}

/** The holder stops refreshing: its lease runs out, and the next in line has the lock. */
class Expire implements Step {
  check = (model: Readonly<Model>) => model.line.length > 0;
  async run(model: Model, real: Real): Promise<void> {
    const { id } = model.line.shift()!;
    const lock = await real.attempts.get(id)!.promise;
    lock.abandon();
    await agree(model, real);
  }
  toString = () => 'expire()';
}

class Crash implements Step {
  readonly member: number;
  constructor(member: number) {
    this.member = member;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const held = model.line[0]?.member === this.member;
    const dead = model.line.filter(({ member }) => member === this.member);
    const { client, crash } = real.members[this.member]!;
    for (const lock of client.held) lock.abandon();
    crash();
    for (const { id } of held ? dead.slice(1) : dead) {
      await expect(real.attempts.get(id)!.promise).rejects.toMatchObject({ code: 'ERR_LOCK_BACKEND' });
    }
    await client.close();
    real.members[this.member] = await real.connect();
    model.line = model.line.filter(({ member }) => member !== this.member);
    model.line = model.line.filter((waiter) => waiter.member !== this.member);
    model.dead += held ? dead.length - 1 : dead.length;
    await agree(model, real);
  }
  toString = () => `crash(${this.member})`;
}

class Reconnect implements Step {
  readonly member: number;
  readonly link: 'commands' | 'subscriber';
  constructor(member: number, link: 'commands' | 'subscriber') {
    this.member = member;
    this.link = link;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    await real.members[this.member]!.reconnect(this.link);
    await agree(model, real);
  }
  toString = () => `reconnect(${this.member}, ${this.link})`;
}

const member = fc.nat({ max: MEMBERS - 1 });
const always = [
  // Often, so that lines grow.
  ...Array.from({ length: 7 }, () => member.map((m) => new Acquire(m))),
  member.map((m) => new TryAcquire(m)),
  member.map((m) => new TimeOut(m)),
  fc.nat().map((pick) => new Abort(pick)),
  fc.boolean().map((crossing) => new Release(crossing)),
  fc.boolean().map((crossing) => new Release(crossing)),
  fc.nat().map((pick) => new ReleaseAgain(pick)),
  fc.constant(new Force()),
  fc.constant(new Expire()),
];
const faulty = [
  member.map((m) => new Crash(m)),
  fc
    .tuple(member, fc.constantFrom('commands' as const, 'subscriber' as const))
    .map(([m, l]) => new Reconnect(m, l)),
];

const STEPS = [
  'abort',
  'acquire',
  'expire',
  'forceRelease',
  'release',
  'releaseAgain',
  'timeOut',
  'tryAcquire',
];

/** The names of the kinds of steps that such histories have. */
export function stepsOf(faults: boolean): readonly string[] {
  return faults ? [...STEPS, 'crash', 'reconnect'] : STEPS;
}

/** Random histories; with faults only where there are connections. */
export function histories(faults: boolean) {
  return fc.commands(faults ? [...always, ...faulty] : always, { maxCommands: 25, size: 'max' });
}

export { MEMBERS };
