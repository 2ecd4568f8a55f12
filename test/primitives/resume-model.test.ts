import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lock, LockClosedError, type LockJson, LockLostError } from '../../src/index.ts';
import { Coverage } from '../model/coverage.ts';
import { type Member, memoryWorld, redisWorld } from '../model/world.ts';
import { until } from '../support/wait.ts';

const MEMBERS = 3;
/** Long, since nobody refreshes and nobody's lease runs out. */
const TTL = 600_000;

/** The reference: a line whose head has a lease, in the hands of whoever took it over last. */
interface Model {
  line: { readonly promise: Promise<Lock> }[];
  /** The handle that the lease of the head is in; undefined while nobody has looked at a new head. */
  current: Lock | undefined;
  /** Handles that were given up. */
  readonly given: Lock[];
  /** Leases that have ended. */
  readonly over: LockJson[];
}

interface Real {
  readonly name: string;
  readonly members: Member[];
  fence: number;
}

type Step = fc.AsyncCommand<Model, Real>;

/** Afterwards the head's lease is the holder's, whole, and as many wait as in the model. */
async function agree(model: Model, real: Real): Promise<void> {
  const [head] = model.line;
  if (head && !model.current) {
    model.current = await head.promise;
    expect(model.current.fencingToken).toBeGreaterThan(real.fence);
  }
  const creator = real.members[0]!.client.creator(real.name);
  const waiting = Math.max(0, model.line.length - 1);
  await until(async () => (await creator.inspect()).waiters === waiting, {
    what: `${waiting} to be in line`,
  });
  const { holders } = await creator.inspect();
  const { current } = model;
  if (!current) {
    expect(holders).toEqual([]);
    return;
  }
  real.fence = current.fencingToken;
  const { owner, fencingToken } = current;
  expect(holders).toMatchObject([{ owner, fencingToken }]);
  current.assertHeld();
  expect(await current.isHeld()).toBe(true);
}

class Acquire implements Step {
  readonly member: number;
  constructor(member: number) {
    this.member = member;
  }
  check = (model: Readonly<Model>) => model.line.length < 5;
  async run(model: Model, real: Real): Promise<void> {
    const promise = real.members[this.member]!.client.creator(real.name).acquire(TTL);
    promise.catch(() => {});
    model.line.push({ promise });
    await agree(model, real);
  }
  toString = () => `acquire(${this.member})`;
}

/** What only the one who has the lease can do. */
abstract class HolderStep implements Step {
  check = (model: Readonly<Model>) => model.current !== undefined;
  abstract run(model: Model, real: Real): Promise<void>;
  abstract toString(): string;
}

class HandOver extends HolderStep {
  readonly to: number;
  readonly asText: boolean;
  constructor(to: number, asText: boolean) {
    super();
    this.to = to;
    this.asText = asText;
  }
  async run(model: Model, real: Real): Promise<void> {
    const giver = model.current!;
    const { signal, owner, fencingToken, ttl, units } = giver;
    const json = this.asText ? JSON.stringify(giver) : giver.toJSON();
    const taker = await real.members[this.to]!.client.resume(json);
    expect(taker).toMatchObject({ name: real.name, owner, fencingToken, ttl, units });
    expect(signal.aborted).toBe(false);
    expect(real.members.filter(({ client }) => client.held.includes(taker))).toEqual([real.members[this.to]]);
    model.given.push(giver);
    model.current = taker;
    await agree(model, real);
  }
  toString(): string {
    return `handOver(${this.to}${this.asText ? ', as text' : ''})`;
  }
}

class Refresh extends HolderStep {
  readonly ttl: number;
  constructor(ttl: number) {
    super();
    this.ttl = ttl;
  }
  async run(model: Model, real: Real): Promise<void> {
    await model.current!.refresh(this.ttl);
    expect(model.current!.ttl).toBe(this.ttl);
    const [holder] = (await real.members[0]!.client.creator(real.name).inspect()).holders;
    expect(holder!.remainingTtl).toBeGreaterThan(this.ttl - 60_000);
    expect(holder!.remainingTtl).toBeLessThanOrEqual(this.ttl);
    await agree(model, real);
  }
  toString(): string {
    return `refresh(${this.ttl})`;
  }
}

class Release extends HolderStep {
  readonly byForce: boolean;
  constructor(byForce: boolean) {
    super();
    this.byForce = byForce;
  }
  async run(model: Model, real: Real): Promise<void> {
    const { name, owner, fencingToken, ttl, units } = model.current!;
    const lock = model.current!;
    if (this.byForce) {
      expect(await real.members[0]!.client.creator(name).forceRelease()).toBe(true);
      await expect(lock.release()).rejects.toThrow(LockLostError);
    } else {
      await lock.release();
    }
    model.over.push({ version: 1, ...{ name, owner, fencingToken, ttl, units } });
    model.line.shift();
    model.current = undefined;
    await agree(model, real);
  }
  toString(): string {
    return `release(${this.byForce ? 'by force' : ''})`;
  }
}

/** Whoever has given a lease up has no power over it, whatever has become of it. */
class UseGiven implements Step {
  readonly pick: number;
  constructor(pick: number) {
    this.pick = pick;
  }
  check = (model: Readonly<Model>) => model.given.length > 0;
  async run(model: Model, real: Real): Promise<void> {
    const lock = model.given[this.pick % model.given.length]!;
    expect(() => lock.assertHeld()).toThrow(LockClosedError);
    expect(lock.remaining).toBe(0);
    await expect(lock.refresh()).rejects.toThrow(LockClosedError);
    expect(await lock.isHeld()).toBe(false);
    await lock.release();
    expect(lock.signal.aborted).toBe(false);
    await agree(model, real);
  }
  toString = () => `useGiven(${this.pick})`;
}

/** A lease that is over stays so. */
class ResumeOver implements Step {
  readonly pick: number;
  readonly member: number;
  constructor(member: number, pick: number) {
    this.member = member;
    this.pick = pick;
  }
  check = (model: Readonly<Model>) => model.over.length > 0;
  async run(model: Model, real: Real): Promise<void> {
    const json = model.over[this.pick % model.over.length]!;
    await expect(real.members[this.member]!.client.resume(json)).rejects.toThrow(LockLostError);
    await agree(model, real);
  }
  toString = () => `resumeOver(${this.member}, ${this.pick})`;
}

const member = fc.nat({ max: MEMBERS - 1 });
const pick = fc.nat({ max: 20 });
const histories = fc.commands(
  [
    member.map((by) => new Acquire(by)),
    member.map((by) => new Acquire(by)),
    fc.tuple(member, fc.boolean()).map((args) => new HandOver(...args)),
    fc.tuple(member, fc.boolean()).map((args) => new HandOver(...args)),
    fc.integer({ min: TTL / 2, max: 2 * TTL }).map((ttl) => new Refresh(ttl)),
    fc.boolean().map((byForce) => new Release(byForce)),
    pick.map((at) => new UseGiven(at)),
    fc.tuple(member, pick).map((args) => new ResumeOver(...args)),
  ],
  { maxCommands: 40, size: 'max' },
);

describe.each([memoryWorld(), redisWorld()])('leases that are handed over, $title', (world) => {
  beforeAll(() => world.start());
  afterAll(() => world.stop());

  it('are in one hand at a time, and nobody comes in between, whatever happens in whatever order', async () => {
    let runs = 0;
    const coverage = new Coverage();
    const property = () =>
      fc.assert(
        fc.asyncProperty(histories, async (history) => {
          runs += 1;
          const members = await Promise.all(Array.from({ length: MEMBERS }, () => world.connect()));
          const model: Model = { line: [], current: undefined, given: [], over: [] };
          const real: Real = { name: `handed-over-${runs}`, members, fence: 0 };
          try {
            await fc.asyncModelRun(() => ({ model, real }), history);
            coverage.note(history);
          } finally {
            await Promise.all(members.map((each) => each.close()));
          }
        }),
        { numRuns: 50, endOnFailure: true },
      );
    const steps = ['acquire', 'handOver', 'refresh', 'release', 'resumeOver', 'useGiven'];
    await coverage.complete(property, steps, 300);
  }, 180_000);
});
