import { LockClient } from '../../src/client.ts';
import type { LockBackend } from '../../src/core/backend.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import type { Answering, FakeRedis, Sent } from './fake-redis.ts';
import { consent } from './honest.ts';
import type { Lie } from './lies.ts';

/** The settings of all backends here, in ms: as short as can be. */
export const PATIENCE_MS = 50;
export const SAFETY_NET_MS = 100;
/** How late a wait that is over may be noticed: unanswered commands are looked at every 20 ms. */
export const SLACK_MS = 25;
/** All that is asked for has come to an end by then, whatever the server says. */
const LONGEST_MS = 10_000;
const LONGEST_CLOSE_MS = 6_000;
const AFTERMATH_MS = 1_000;
/** Of one client in one case: some five times as many as the busiest of 60 000 cases had sent. */
const MOST_COMMANDS = 10_000;

interface WorldOptions {
  /** What the server says, one after the other, and then again. */
  readonly lies: readonly Lie[];
  /** What all keys begin with. */
  readonly start: string;
  /** Whether subscriptions at least are made. */
  readonly confirms: boolean;
  readonly confirmMs?: number;
}

/** One client of a server that lies, and what must not happen to it. */
export class World {
  readonly clock = new ManualClock();
  readonly problems: string[] = [];
  /** How much longer than its wait an acquire may take. */
  readonly confirmMs: number;
  /** What the server has heard of last. */
  owner = 'liar.test:1:50';
  record = 'baton:{x}';
  readonly #lies: readonly Lie[];
  readonly #start: string;
  readonly #confirms: boolean;
  readonly #open = new Set<string>();
  #told = 0;
  #heard = 0;
  #calls = 0;
  #client: LockClient | undefined;

  constructor({ lies, start, confirms, confirmMs = 0 }: WorldOptions) {
    this.#lies = lies;
    this.#start = start;
    this.#confirms = confirms;
    this.confirmMs = confirmMs;
  }

  get client(): LockClient {
    if (!this.#client) throw new Error('not open yet');
    return this.#client;
  }

  open(backend: LockBackend): void {
    this.#client = new LockClient(backend);
  }

  readonly answer: Answering = (sent, connection) => {
    this.#note(sent);
    // A storm that each answer makes bigger would have no end: nothing is answered to it any more.
    if (this.#heard > MOST_COMMANDS) return new Promise(() => {});
    if (connection.status === 'end') return Promise.reject(new Error('Connection is closed.'));
    const lie = this.#lies[this.#told++ % this.#lies.length];
    if (sent.kind === 'ssubscribe' && this.#confirms)
      return Promise.resolve(consent('ssubscribe', [], this.clock));
    if (!lie?.tell) return new Promise(() => {});
    return new Promise((resolve, reject) => {
      this.clock.callAt(this.clock.now() + lie.afterMs, () => {
        if (connection.status === 'end') reject(new Error('Connection is closed.'));
        const told = lie.tell?.(sent, this.clock);
        if (lie.fails) reject(told);
        else resolve(told);
      });
    });
  };

  readonly soon = (task: () => void): void => void this.clock.callAt(this.clock.now() + 1, task);

  /** Notes when a call takes longer than it may, and when it never settles. */
  async within<T>(ms: number, what: string, call: Promise<T>): Promise<T> {
    const name = `${++this.#calls}. ${what}`;
    const startedAt = this.clock.now();
    this.#open.add(name);
    try {
      return await call;
    } finally {
      this.#open.delete(name);
      const took = this.clock.now() - startedAt;
      if (took > ms) this.problems.push(`${name} took ${took} ms instead of ${ms}`);
    }
  }

  /** Lets all that was asked for come to its end, and closes. Throws what went wrong. */
  async end(connections: readonly FakeRedis[]): Promise<void> {
    await this.clock.advance(LONGEST_MS);
    this.#reportOpen();
    void this.within(LONGEST_CLOSE_MS, 'close', this.client.close()).catch((error: unknown) => {
      this.problems.push(`close rejects: ${error}`);
    });
    await this.clock.advance(LONGEST_CLOSE_MS + SLACK_MS);
    this.#reportOpen();
    await this.clock.advance(AFTERMATH_MS);
    const sent = () => connections.reduce((sum, connection) => sum + connection.sent.length, 0);
    const before = sent();
    await this.clock.advance(AFTERMATH_MS);
    if (sent() > before) this.problems.push('something is sent after the close');
    if (this.clock.pending > 0) this.problems.push(`${this.clock.pending} alarms are armed after the close`);
    if (this.problems.length > 0) throw new Error(this.problems.join('\n'));
  }

  #reportOpen(): void {
    for (const what of this.#open) this.problems.push(`${what} does not settle`);
    this.#open.clear();
  }

  #note({ kind, keys, args }: Sent): void {
    this.#heard += 1;
    if (this.#heard === MOST_COMMANDS + 1) this.problems.push(`more than ${MOST_COMMANDS} commands are sent`);
    const stray = keys.find((key) => !key.startsWith(this.#start));
    if (stray !== undefined) this.problems.push(`${kind} goes to ${stray}`);
    if (kind === 'unknown') this.problems.push('a script that is none of ours');
    if (!['acquire', 'acquireShare'].includes(kind)) return;
    this.owner = String(args[0]);
    this.record = keys[0] ?? this.record;
  }
}
