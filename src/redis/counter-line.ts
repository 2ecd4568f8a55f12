import type { Clock } from '../core/clock.ts';
import { answerTo, type CounterStep, refusal, UNSET, valueAfter } from '../core/counter-store.ts';
import type { CommandLink } from './command-link.ts';
import { noAnswer, unexpectedReply } from './errors.ts';
import { integerIn } from './outcome.ts';
import type { Protocol } from './protocol.ts';
import { parseCount } from './scripts/count.ts';

/** So many steps at most in one request: the server does nothing else meanwhile. */
const MOST_STEPS = 10_000;
/** A request that only reads. */
const READ = ['read'] as const;

export interface CounterLineContext {
  readonly link: CommandLink;
  readonly protocol: Protocol;
  readonly clock: Clock;
  /** The client as the server knows it. */
  readonly client: string;
  /** Numbers rise from one request of the client to the next, whichever the counter. */
  nextNumber(): number;
}

/** A step that somebody has asked for. */
interface Asked {
  readonly step: CounterStep;
  /** Local instant. */
  readonly at: number;
  readonly resolve: (answer: number) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * One client's steps on one counter. One request is under way at a time, so that the server needs to remember only the
 * latest to tell one that arrives again; what is asked for meanwhile goes into the next.
 */
export class CounterLine {
  readonly #context: CounterLineContext;
  readonly #name: string;
  readonly #onIdle: () => void;
  #gathered: Asked[] = [];
  #underWay: readonly Asked[] = [];
  #scheduled = false;
  #closed = false;

  /** `onIdle` is called when nothing is left to do. */
  constructor(context: CounterLineContext, name: string, onIdle: () => void) {
    this.#context = context;
    this.#name = name;
    this.#onIdle = onIdle;
  }

  /** Each is answered within the link's patience. */
  add(step: CounterStep): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#gathered.push({ step, at: this.#context.clock.now(), resolve, reject });
      this.#schedule();
    });
  }

  close(error: Error): void {
    this.#closed = true;
    const asked = [...this.#underWay, ...this.#gathered];
    this.#gathered = [];
    for (const { reject } of asked) reject(error);
  }

  /** At the end of the tick: when many are answered at once, they all ask for the next. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => void this.#send());
  }

  async #send(): Promise<void> {
    this.#underWay = this.#inTime(this.#gathered.splice(0, MOST_STEPS));
    if (this.#underWay.length > 0) await this.#request(this.#underWay);
    this.#underWay = [];
    this.#scheduled = false;
    if (this.#gathered.length > 0) this.#schedule();
    else this.#onIdle();
  }

  /** Those whose time has run out behind the one before are certainly not counted. */
  #inTime(asked: readonly Asked[]): readonly Asked[] {
    const { link, clock } = this.#context;
    const now = clock.now();
    return asked.filter(({ at, reject }) => {
      const left = at + link.patienceMs > now;
      if (!left) reject(link.outage(this.#name) ?? noAnswer(undefined, this.#name));
      return left;
    });
  }

  /** Repeats the request until it is answered, as long as the first of those who ask has time. */
  async #request(asked: readonly Asked[]): Promise<void> {
    const { link, protocol, client } = this.#context;
    try {
      const request = this.#requestOf(asked);
      const call = protocol.count(this.#name, client, request);
      const giveUpAt = (asked[0]?.at ?? 0) + link.patienceMs;
      const answer = await link.persist(call, giveUpAt, { moot: () => this.#closed });
      if (answer) this.#settle(asked, request === READ, answer.reply);
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  }

  #requestOf(asked: readonly Asked[]): readonly (string | number)[] {
    const runs: (readonly [CounterStep, number])[] = [];
    for (const { step } of asked) {
      if (step.kind === 'get') continue;
      const [last, times] = runs.at(-1) ?? [];
      if (last && times && same(last, step)) runs[runs.length - 1] = [last, times + 1];
      else runs.push([step, 1]);
    }
    if (runs.length === 0) return READ;
    const texts = runs.flatMap(([{ kind, by, ttlMs }, times]) => [kind, by, ttlMs, times]);
    return [this.#context.nextNumber(), ...texts];
  }

  /** Tells each what it would have been told had its step been sent alone. */
  #settle(asked: readonly Asked[], read: boolean, reply: unknown): void {
    let value = read ? parseCount(reply)?.value : before(reply);
    if (value === undefined) throw unexpectedReply(reply, this.#name);
    for (const { step, resolve, reject } of asked) {
      const refused = refusal(this.#name, step, value);
      if (refused) reject(refused);
      else resolve(answerTo(step, value));
      value = valueAfter(step, value);
    }
  }
}

function before(reply: unknown): number | undefined {
  const value = integerIn(reply);
  return value !== undefined && value >= UNSET ? value : undefined;
}

function same(one: CounterStep, other: CounterStep): boolean {
  return one.kind === other.kind && one.by === other.by && one.ttlMs === other.ttlMs;
}
