import fc from 'fast-check';
import pDefer, { type DeferredPromise } from 'p-defer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Leadership, LockLostError } from '../../src/index.ts';
import { Coverage } from '../model/coverage.ts';
import { type Member, memoryWorld, redisWorld } from '../model/world.ts';
import { until } from '../support/wait.ts';

const MEMBERS = 3;
/** So long that nothing is healed by its end: nobody dies here. */
const TTL = 60_000;

/** Somebody who stands for election, by `campaign` or by `run`. */
interface Candidate {
  readonly id: number;
  readonly runs: boolean;
  readonly abort: AbortController;
  /** The latest time that it has led. */
  leadership: Leadership | undefined;
  /** Ends the task of a run. */
  readonly finished: DeferredPromise<void>;
  /** How a run ended. */
  outcome: Promise<unknown>;
}

/** The reference: a line whose head leads. */
interface Model {
  next: number;
  line: Candidate[];
  /** How often somebody has begun to lead. */
  terms: number;
}

interface Real {
  readonly name: string;
  readonly members: Member[];
  /** The fencing tokens of the leaders that an observer has seen. */
  readonly observed: number[];
  /** The fencing tokens of those who led, in the order of the model. */
  readonly led: number[];
}

type Step = fc.AsyncCommand<Model, Real>;

/** Afterwards the head of the line leads, an observer has seen it, and as many are in line as in the model. */
async function agree(model: Model, real: Real): Promise<void> {
  const creator = real.members[0]!.client.creator(real.name);
  const [head] = model.line;
  if (head && real.led.length < model.terms) {
    const before = real.led.at(-1) ?? 0;
    await until(() => (head.leadership?.fencingToken ?? 0) > before, {
      what: `candidate ${head.id} to lead for the first time or anew`,
    });
    real.led.push(head.leadership!.fencingToken);
  }
  await until(async () => (await creator.inspect()).waiters === Math.max(0, model.line.length - 1), {
    what: `${model.line.length - 1} to be in line`,
  });
  await until(() => real.observed.length >= real.led.length, { what: 'the observer to be told' });
  expect(real.observed).toEqual(real.led);
  expect((await creator.owner()) ?? undefined).toBe(head?.leadership?.owner);
  if (head) expect(head.leadership!.signal.aborted).toBe(false);
}

/** The first in line leaves, and whoever comes next begins to lead. */
function dropHead(model: Model): Candidate {
  const head = model.line.shift()!;
  if (model.line.length > 0) model.terms += 1;
  return head;
}

function enter(model: Model, candidate: Candidate): void {
  model.line.push(candidate);
  if (model.line.length === 1) model.terms += 1;
}

class Stand implements Step {
  readonly member: number;
  readonly runs: boolean;
  constructor(member: number, runs: boolean) {
    this.member = member;
    this.runs = runs;
  }
  check = (model: Readonly<Model>) => model.line.length < 6;
  async run(model: Model, real: Real): Promise<void> {
    const election = real.members[this.member]!.client.election(real.name);
    const abort = new AbortController();
    const candidate: Candidate = {
      ...{ id: model.next++, runs: this.runs, abort, leadership: undefined },
      ...{ finished: pDefer<void>(), outcome: Promise.resolve() },
    };
    const options = { ttl: TTL, signal: abort.signal };
    candidate.outcome = this.runs
      ? election.run(taskOf(candidate), options)
      : election.campaign(options).then((leadership) => {
          // Looked at, so that it tells of a loss at once.
          leadership.signal.throwIfAborted();
          candidate.leadership = leadership;
        });
    candidate.outcome.catch(() => {});
    enter(model, candidate);
    await agree(model, real);
  }
  toString = () => `${this.runs ? 'run' : 'campaign'}(${this.member})`;
}

/** Leads until it is told to finish or to end; never twice at a time. */
function taskOf(candidate: Candidate): (leadership: Leadership) => Promise<number> {
  let running = false;
  return async (leadership) => {
    expect(running).toBe(false);
    running = true;
    candidate.leadership = leadership;
    const { signal } = leadership;
    const told = pDefer<void>();
    signal.addEventListener('abort', () => told.resolve());
    await Promise.race([candidate.finished.promise, told.promise]);
    running = false;
    signal.throwIfAborted();
    return candidate.id;
  };
}

class Abort implements Step {
  readonly pick: number;
  constructor(pick: number) {
    this.pick = pick;
  }
  check = (model: Readonly<Model>) => model.line.length > 1;
  async run(model: Model, real: Real): Promise<void> {
    const [candidate] = model.line.splice(1 + (this.pick % (model.line.length - 1)), 1) as [Candidate];
    candidate.abort.abort('aborted');
    await expect(candidate.outcome).rejects.toBe('aborted');
    await agree(model, real);
  }
  toString = () => `abort(${this.pick})`;
}

/** The leader resigns, or its task comes to an end, by itself or by the caller's signal. */
class End implements Step {
  readonly byAbort: boolean;
  constructor(byAbort: boolean) {
    this.byAbort = byAbort;
  }
  check = (model: Readonly<Model>) => model.line.length > 0;
  async run(model: Model, real: Real): Promise<void> {
    const { runs, abort, outcome, finished, leadership, id } = dropHead(model);
    if (this.byAbort) abort.abort('aborted');
    if (!runs) {
      // Once it leads, the signal of the campaign means nothing to it.
      expect(leadership!.signal.aborted).toBe(false);
      await leadership!.resign();
    } else if (this.byAbort) await expect(outcome).rejects.toBe('aborted');
    else {
      finished.resolve();
      expect(await outcome).toBe(id);
    }
    await agree(model, real);
  }
  toString = () => `end(${this.byAbort ? 'by a signal' : ''})`;
}

/** The leader is deposed: who runs a task stands again, behind all others. */
class Depose implements Step {
  readonly member: number;
  constructor(member: number) {
    this.member = member;
  }
  check = (model: Readonly<Model>) => model.line.length > 0;
  async run(model: Model, real: Real): Promise<void> {
    const deposed = dropHead(model);
    const { signal } = deposed.leadership!;
    expect(await real.members[this.member]!.client.creator(real.name).forceRelease()).toBe(true);
    if (deposed.runs) enter(model, deposed);
    await until(() => signal.aborted, { what: 'the leader to learn of it' });
    expect(signal.reason).toBeInstanceOf(LockLostError);
    if (!deposed.runs) await expect(deposed.leadership!.resign()).rejects.toBe(signal.reason);
    await agree(model, real);
  }
  toString = () => `depose(${this.member})`;
}

const member = fc.nat({ max: MEMBERS - 1 });
const histories = fc.commands(
  [
    fc.tuple(member, fc.boolean()).map((args) => new Stand(...args)),
    fc.tuple(member, fc.boolean()).map((args) => new Stand(...args)),
    fc.tuple(member, fc.boolean()).map((args) => new Stand(...args)),
    fc.nat({ max: 10 }).map((pick) => new Abort(pick)),
    fc.boolean().map((byAbort) => new End(byAbort)),
    member.map((by) => new Depose(by)),
  ],
  { maxCommands: 40, size: 'max' },
);

describe.each([memoryWorld(), redisWorld()])('elections, $title', (world) => {
  beforeAll(() => world.start());
  afterAll(() => world.stop());

  it('have one leader at a time, in line, whatever happens in whatever order', async () => {
    let runs = 0;
    const coverage = new Coverage();
    const property = () =>
      fc.assert(
        fc.asyncProperty(histories, async (history) => {
          runs += 1;
          const members = await Promise.all(Array.from({ length: MEMBERS }, () => world.connect()));
          const observer = await world.connect();
          const model: Model = { next: 0, line: [], terms: 0 };
          const real: Real = { name: `election-${runs}`, members, observed: [], led: [] };
          const leaders = observer.client.election(real.name).observe();
          const first = await leaders.next();
          expect(first).toEqual({ done: false, value: null });
          const watching = (async () => {
            for await (const leader of leaders) if (leader) real.observed.push(leader.fencingToken);
          })();
          try {
            await fc.asyncModelRun(() => ({ model, real }), history);
            coverage.note(history);
          } finally {
            for (const { abort, leadership, runs: isRun } of model.line.toReversed()) {
              abort.abort('over');
              if (!isRun) await leadership?.resign().catch(() => {});
            }
            await Promise.all([...members, observer].map((each) => each.close()));
            await watching;
          }
        }),
        { numRuns: 50, endOnFailure: true },
      );
    await coverage.complete(property, ['abort', 'campaign', 'depose', 'end', 'run'], 300);
  }, 180_000);
});
