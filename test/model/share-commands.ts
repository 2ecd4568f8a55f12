import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Lock, LockBackendError, LockLostError, LockTimeoutError } from '../../src/index.ts';
import { until } from '../support/wait.ts';
import { agree, type Claim, creatorOf, type Model, type Real } from './share-model.ts';

/** The TTL of every lease here: auto-refreshed, so it matters only when somebody stops refreshing. */
const TTL = 700;
/** Whoever gets no time for longer may refresh a lease too late: that is due after a third of the TTL. */
export const MOST_STANDSTILL_MS = 300;
export const MEMBERS = 3;

type Step = fc.AsyncCommand<Model, Real>;

class Acquire implements Step {
  readonly member: number;
  readonly pick: number;
  constructor(member: number, pick: number) {
    this.member = member;
    this.pick = pick;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const id = model.next++;
    const units = model.unitsOf(this.pick);
    const abort = new AbortController();
    const creator = creatorOf(real, this.member, model);
    let granted = false;
    const promise = creator.acquire(TTL, 30_000, { units, signal: abort.signal }).then((lock) => {
      granted = true;
      return lock.autoRefresh();
    });
    promise.catch(() => {});
    real.attempts.set(id, { promise, abort });
    model.line.push({ id, units });
    model.serve();
    // In line before the next step, or the order would be another than the model's.
    await until(async () => granted || (await creator.inspect()).waiters === model.line.length, {
      what: 'the newcomer to be in line',
    });
    await agree(model, real);
  }
  toString = () => `acquire(${this.member}, ${this.pick})`;
}

class TryAcquire implements Step {
  readonly member: number;
  readonly pick: number;
  constructor(member: number, pick: number) {
    this.member = member;
    this.pick = pick;
  }
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const units = model.unitsOf(this.pick);
    const lock = await creatorOf(real, this.member, model).tryAcquire(TTL, { units });
    assert.equal(lock !== null, model.fits(units), 'a try succeeds where nobody waits and there is enough');
    if (lock) {
      const id = model.next++;
      real.attempts.set(id, { promise: Promise.resolve(lock.autoRefresh()), abort: new AbortController() });
      model.held.push({ id, units });
    }
    await agree(model, real);
  }
  toString = () => `tryAcquire(${this.member}, ${this.pick})`;
}

class TimeOut implements Step {
  readonly member: number;
  readonly pick: number;
  constructor(member: number, pick: number) {
    this.member = member;
    this.pick = pick;
  }
  check = (model: Readonly<Model>) => !model.fits(model.unitsOf(this.pick));
  async run(model: Model, real: Real): Promise<void> {
    const units = model.unitsOf(this.pick);
    const error: unknown = await creatorOf(real, this.member, model)
      .acquire(TTL, 15, { units })
      .catch((reason: unknown) => reason);
    // A busy machine may not have answered at all by then.
    assert.ok(error instanceof LockTimeoutError || error instanceof LockBackendError, String(error));
    await agree(model, real);
  }
  toString = () => `timeOut(${this.member}, ${this.pick})`;
}

class Abort implements Step {
  readonly pick: number;
  constructor(pick: number) {
    this.pick = pick;
  }
  check = (model: Readonly<Model>) => model.line.length > 0;
  async run(model: Model, real: Real): Promise<void> {
    const [{ id }] = model.line.splice(this.pick % model.line.length, 1) as [Claim];
    const { promise, abort } = real.attempts.get(id)!;
    abort.abort('aborted');
    await assert.rejects(promise, (reason) => reason === 'aborted');
    model.serve();
    await agree(model, real);
  }
  toString = () => `abort(${this.pick})`;
}

/** A step that one of the holders takes. */
abstract class HolderStep implements Step {
  readonly pick: number;
  constructor(pick: number) {
    this.pick = pick;
  }
  check(model: Readonly<Model>): boolean {
    return model.held.length > 0;
  }
  abstract run(model: Model, real: Real): Promise<void>;
  abstract toString(): string;

  protected holder(model: Model): Claim {
    return model.held[this.pick % model.held.length]!;
  }

  /** Takes the holder out of the model. */
  protected async remove(model: Model, real: Real): Promise<Lock> {
    const holder = this.holder(model);
    model.held = model.held.filter((claim) => claim !== holder);
    return real.attempts.get(holder.id)!.promise;
  }
}

class Release extends HolderStep {
  /** Also abort the next in line, at the same moment: the grant crosses the cancellation. */
  readonly crossing: boolean;
  constructor(pick: number, crossing: boolean) {
    super(pick);
    this.crossing = crossing;
  }
  override check(model: Readonly<Model>): boolean {
    return super.check(model) && (!this.crossing || model.line.length > 0);
  }
  async run(model: Model, real: Real): Promise<void> {
    const lock = await this.remove(model, real);
    const releasing = lock.release();
    const [next] = model.line;
    if (this.crossing && next) {
      const { promise, abort } = real.attempts.get(next.id)!;
      abort.abort('aborted');
      const outcome: unknown = await promise.catch((reason: unknown) => reason);
      if (outcome === 'aborted') model.line.shift();
    }
    await releasing;
    model.serve();
    await agree(model, real);
  }
  toString(): string {
    return `release(${this.pick}${this.crossing ? ', crossing an abort' : ''})`;
  }
}

class Downgrade extends HolderStep {
  readonly size: number;
  constructor(pick: number, size: number) {
    super(pick);
    this.size = size;
  }
  async run(model: Model, real: Real): Promise<void> {
    const holder = this.holder(model);
    const lock = await real.attempts.get(holder.id)!.promise;
    const sizes = model.resource.sizes.filter((units) => units <= holder.units);
    holder.units = sizes[this.size % sizes.length]!;
    await lock.downgrade(holder.units);
    model.serve();
    await agree(model, real);
  }
  toString(): string {
    return `downgrade(${this.pick}, ${this.size})`;
  }
}

/** The holder stops refreshing: its lease runs out, and the next in line have its units. */
class Expire extends HolderStep {
  async run(model: Model, real: Real): Promise<void> {
    const lock = await this.remove(model, real);
    lock.abandon();
    model.serve();
    await agree(model, real);
  }
  toString(): string {
    return `expire(${this.pick})`;
  }
}

class Force implements Step {
  check = () => true;
  async run(model: Model, real: Real): Promise<void> {
    const locks = await Promise.all(model.held.map(({ id }) => real.attempts.get(id)!.promise));
    assert.equal(await creatorOf(real, 0, model).forceRelease(), locks.length > 0);
    model.held = [];
    model.serve();
    await agree(model, real);
    for (const lock of locks) await assert.rejects(lock.release(), LockLostError);
    await agree(model, real);
  }
  toString = () => 'forceRelease()';
}

const member = fc.nat({ max: MEMBERS - 1 });
const pick = fc.nat({ max: 60 });
const steps = [
  // Often, so that lines grow.
  ...Array.from({ length: 7 }, () => fc.tuple(member, pick).map((args) => new Acquire(...args))),
  fc.tuple(member, pick).map((args) => new TryAcquire(...args)),
  fc.tuple(member, pick).map((args) => new TimeOut(...args)),
  pick.map((at) => new Abort(at)),
  fc.tuple(pick, fc.constant(false)).map((args) => new Release(...args)),
  fc.tuple(pick, fc.boolean()).map((args) => new Release(...args)),
  fc.tuple(pick, pick).map((args) => new Downgrade(...args)),
  pick.map((at) => new Expire(at)),
  fc.constant(new Force()),
];

/** The names of the kinds of steps. */
export const SHARE_STEPS: readonly string[] = [
  'abort',
  'acquire',
  'downgrade',
  'expire',
  'forceRelease',
  'release',
  'timeOut',
  'tryAcquire',
];

/** Random histories of a semaphore or a read-write lock. */
export function shareHistories() {
  return fc.commands(steps, { maxCommands: 25, size: 'max' });
}
