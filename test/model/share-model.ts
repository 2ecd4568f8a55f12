import assert from 'node:assert/strict';
import type { Lock, LockCreator } from '../../src/index.ts';
import { until } from '../support/wait.ts';
import type { Member } from './world.ts';

/** What is shared: how many units there are, and of how many one may ask. */
export interface Resource {
  readonly capacity: number;
  readonly sizes: readonly number[];
}

/** What somebody holds or waits for. */
export interface Claim {
  readonly id: number;
  units: number;
}

/** The reference: units that are out, and a line that is served from its head while there is enough for the head. */
export class Model {
  readonly resource: Resource;
  held: Claim[] = [];
  line: Claim[] = [];
  next = 0;

  constructor(resource: Resource) {
    this.resource = resource;
  }

  get used(): number {
    return this.held.reduce((sum, { units }) => sum + units, 0);
  }

  unitsOf(pick: number): number {
    return this.resource.sizes[pick % this.resource.sizes.length]!;
  }

  fits(units: number): boolean {
    return this.line.length === 0 && this.used + units <= this.resource.capacity;
  }

  serve(): void {
    for (
      let head = this.line[0];
      head && this.used + head.units <= this.resource.capacity;
      head = this.line[0]
    ) {
      this.held.push(head);
      this.line.shift();
    }
  }
}

/** The real thing. */
export interface Real {
  readonly name: string;
  readonly members: Member[];
  readonly attempts: Map<number, { promise: Promise<Lock>; abort: AbortController }>;
  /** Whose grants we have seen. */
  readonly seen: Set<number>;
  /** The fencing token of the last grant. */
  lastToken: number;
}

/** The lock of a history, as one of the members has it. */
export function creatorOf(
  real: Real,
  member: number,
  { resource: { capacity } }: Readonly<Model>,
): LockCreator {
  return real.members[member]!.client.creator(real.name, { capacity });
}

/** Afterwards the server has the same holders with the same units and as many waiters, and all holders have been told. */
export async function agree(model: Model, real: Real): Promise<void> {
  const creator = creatorOf(real, 0, model);
  const locks = await Promise.all(model.held.map(({ id }) => real.attempts.get(id)!.promise));
  const expected = model.held.map(({ units }, index) => `${locks[index]!.owner} ${units}`).sort();
  const wanted = JSON.stringify([expected, model.line.length]);
  const matches = async () => {
    const { holders, waiters } = await creator.inspect();
    return (
      JSON.stringify([holders.map(({ owner, units }) => `${owner} ${units}`).sort(), waiters]) === wanted
    );
  };
  await until(matches, { what: `the holders and the number of waiters to be ${wanted}` });
  for (const [index, lock] of locks.entries()) {
    const { id, units } = model.held[index]!;
    lock.assertHeld();
    assert.equal(lock.units, units);
    if (real.seen.has(id)) continue;
    real.seen.add(id);
    // The model has its holders in the order in which they were granted.
    assert.ok(lock.fencingToken > real.lastToken, 'fencing tokens rise');
    real.lastToken = lock.fencingToken;
  }
}
