import type { Alarm, Clock } from '../core/clock.ts';
import { LinkedSet } from '../core/linked-set.ts';
import type { LockBackendError } from '../errors.ts';
import { AdaptiveSpin } from './adaptive-spin.ts';
import { type Connection, LastError, onCut } from './connection.ts';
import { Dispatcher } from './dispatcher.ts';
import { connectionEnded, isPermanent, isReply, noAnswer, toBackendError } from './errors.ts';
import { type Answer, type Caller, type LinkOfCall, OpenCall, type ScriptCall } from './open-call.ts';
import { type LinkOfRepeats, type Persistence, Repeats } from './repeats.ts';
import { Silence } from './silence.ts';

/** How often unanswered calls are looked at: fine enough to keep a wait timeout to within 50 ms. */
const TICK_MS = 20;

/**
 * The user's connection, used for scripts only. ioredis may never settle a command, or settle it much later than
 * anybody cares; here each has a time by which it is answered, without a timer of its own.
 */
export class CommandLink implements LinkOfCall, LinkOfRepeats {
  readonly redis: Connection;
  readonly #clock: Clock;
  /** The longest time to wait for the answer to one command. */
  readonly patienceMs: number;
  readonly #dispatcher: Dispatcher;
  readonly #open = new LinkedSet<OpenCall>();
  readonly #lastError: LastError;
  readonly #unlisten: () => void;
  readonly #silence: Silence;
  readonly #repeats: Repeats;
  readonly #spin: AdaptiveSpin | undefined;
  #drained: (() => void) | undefined;
  #onHealth: (() => void) | undefined;
  #refusal: Error | undefined;
  #closed = false;
  #cuts = 0;
  #tick: Alarm | undefined;

  /** `spins`: what is sent by itself is waited for awake, if the server is so near that it pays. */
  constructor(redis: Connection, clock: Clock, patienceMs: number, spins = false) {
    this.redis = redis;
    this.#clock = clock;
    this.patienceMs = patienceMs;
    this.#silence = new Silence(clock, patienceMs);
    this.#repeats = new Repeats(this, clock);
    this.#spin = spins ? new AdaptiveSpin(() => this.#open.size) : undefined;
    this.#dispatcher = new Dispatcher(redis);
    this.#lastError = new LastError(redis);
    this.#unlisten = onCut(redis, () => {
      this.#cuts += 1;
      this.#onHealth?.();
    });
    redis.on('ready', this.#onReady);
    redis.on('end', this.#wake);
  }

  /** Whether a command has a chance: the link is up and the server answers, or none of it has been tried yet. */
  get usable(): boolean {
    if (this.ended || this.silent) return false;
    const { status } = this.redis;
    if (status === 'ready' || status === 'wait') return true;
    const connecting = status === 'connecting' || status === 'connect';
    return connecting && this.#cuts === 0 && this.#lastError.get() === undefined;
  }

  get silent(): boolean {
    return this.#silence.isLong;
  }

  /** Asks whether the server is still there; resolves when it answers, or when the connection has given up on it. */
  async probe(): Promise<void> {
    if (!this.ready) return;
    await this.redis.ping().then(
      () => this.heard(),
      (error: unknown) => isReply(error) && this.heard(),
    );
  }

  /** Calls `listener` when `usable` may have changed: at once after a cut or a reconnect, else when it is noticed. */
  onHealth(listener: () => void): void {
    this.#onHealth = listener;
  }

  /** When a script is not called again that says that there is more to do: with one that lies that would never end. */
  endOfWork(giveUpAt = 0): () => boolean {
    const end = Math.max(giveUpAt, this.#clock.now() + this.patienceMs);
    return () => this.#clock.now() >= end;
  }

  /** Runs a script once. The caller is told, at the latest soon after the local instant `until`. */
  send(call: ScriptCall, until: number, caller: Caller): void {
    const sentAt = this.#send(call, until, caller);
    if (this.#open.size === 1) this.#spin?.start(sentAt);
  }

  /** Somebody had to queue: for a while the processor is left to others. */
  rest(): void {
    this.#spin?.rest();
  }

  #send(call: ScriptCall, until: number, caller: Caller): number {
    const open = new OpenCall(call, caller, this.#clock.now(), until, this);
    // First of all on its way: no answer can come before we are through.
    this.#dispatcher.send(open, this.#open.size + 1);
    this.#open.add(open);
    this.#silence.asked(open.sentAt);
    this.#tick ??= this.#clock.callAt(open.sentAt + TICK_MS, this.#checkOpen);
    return open.sentAt;
  }

  /** As `send`, with a promise, and for what nobody is in a hurry for. Rejects with a `LockBackendError`. */
  run(call: ScriptCall, until = Number.POSITIVE_INFINITY): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const answered = (reply: unknown, sentAt: number, repeated: boolean) =>
        resolve({ reply, sentAt, repeated });
      this.#send(call, until, { answered, failed: reject });
    });
  }

  /** As `Repeats.persist`. */
  persist(call: ScriptCall, giveUpAt: number, persistence?: Persistence): Promise<Answer | undefined> {
    return this.#repeats.persist(call, giveUpAt, persistence);
  }

  /** What is wrong with a link that is down. */
  outage(lockName: string): LockBackendError | undefined {
    if (this.ready) return undefined;
    return this.#diagnose(this.#lastError.get(), false, lockName);
  }

  /** Resolves as soon as no call is open. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained = resolve;
      if (this.#open.size === 0) resolve();
    });
  }

  /** The server has refused what every connection begins with: nothing must be sent on this one any more. */
  refuse(error: Error): void {
    this.#refusal = error;
    this.redis.disconnect();
    this.#wake();
  }

  /** Rejects what is open and forgets the connection, without ending it. */
  close(): void {
    this.#closed = true;
    this.#unlisten();
    this.#lastError.stop();
    this.#onHealth = undefined;
    this.redis.off('ready', this.#onReady);
    this.redis.off('end', this.#wake);
    this.#wake();
    this.#tick?.cancel();
    for (const open of this.#open.toArray()) open.giveUp(connectionEnded(open.call.lockName));
  }

  get ready(): boolean {
    return this.redis.status === 'ready';
  }

  get ended(): boolean {
    return this.redis.status === 'end' || this.#closed;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** How often the link has been cut so far. What was sent before the latest cut may have run twice. */
  get cuts(): number {
    return this.#cuts;
  }

  /** Forgets a call. False when it was forgotten before. */
  forget(open: OpenCall): boolean {
    if (!this.#open.delete(open)) return false;
    if (this.#open.size === 0) this.#drained?.();
    return true;
  }

  heard(): void {
    const noteworthy = this.#onHealth !== undefined && this.silent;
    this.#silence.end();
    if (noteworthy) this.#onHealth?.();
  }

  errorFor(error: unknown, lockName: string): LockBackendError {
    return this.ended ? this.#whyEnded(lockName) : toBackendError(error, lockName);
  }

  readonly #wake = (): void => {
    this.#repeats.wake();
    this.#onHealth?.();
  };

  readonly #onReady = (): void => {
    this.#lastError.forget();
    // What is under way is sent again, or lost.
    this.#silence.end();
    if (this.#open.size > 0) this.#silence.asked(this.#clock.now());
    this.#wake();
  };

  readonly #checkOpen = (): void => {
    this.#tick = undefined;
    const now = this.#clock.now();
    const lastError = this.#lastError.get();
    const hopeless = !this.ready && isPermanent(lastError);
    for (const open of this.#open.toArray()) {
      const overdue = now >= open.until;
      if (!overdue && !hopeless && !this.ended) continue;
      open.giveUp(this.#diagnose(lastError, hopeless, open.call.lockName));
    }
    if (this.#onHealth && this.silent) this.#onHealth();
    if (this.#open.size > 0) this.#tick = this.#clock.callAt(now + TICK_MS, this.#checkOpen);
  };

  #whyEnded(lockName: string): LockBackendError {
    return this.#refusal ? toBackendError(this.#refusal, lockName) : connectionEnded(lockName);
  }

  #diagnose(lastError: Error | undefined, hopeless: boolean, lockName: string): LockBackendError {
    if (this.ended) return this.#whyEnded(lockName);
    if (lastError && hopeless) return toBackendError(lastError, lockName);
    if (lastError) return noAnswer(lastError, lockName);
    const { status } = this.redis;
    return noAnswer(status === 'ready' ? undefined : new Error(`the connection is ${status}`), lockName);
  }
}
