import type { LockState, Observation } from '../core/backend.ts';
import type { Alarm, Clock } from '../core/clock.ts';
import type { CommandLink } from './command-link.ts';
import { errorOfLock, unexpectedReply } from './errors.ts';
import type { Protocol } from './protocol.ts';
import { parseState, type TimedState } from './scripts/inspect.ts';
import type { Listener, Subscriber } from './subscriber.ts';

export interface StateWatchContext {
  readonly link: CommandLink;
  readonly protocol: Protocol;
  readonly clock: Clock;
  readonly subscriber: Subscriber;
  readonly safetyNetMs: number;
  /** Those that listen. */
  readonly running: Set<StateWatch>;
}

/** Reads a lock's state; with `watch` also asks the server to publish it from now on. */
export async function readState(
  context: Pick<StateWatchContext, 'link' | 'protocol'>,
  name: string,
  mode: 'watch' | '',
): Promise<TimedState> {
  const { reply } = await context.link.run(context.protocol.inspect(name, mode));
  const state = parseState(name, reply);
  if (state) return state;
  throw unexpectedReply(reply, name);
}

/** Listens to one lock's states for one watcher. */
export class StateWatch implements Observation, Listener {
  readonly name: string;
  readonly #context: StateWatchContext;
  readonly #channel: string;
  readonly #onChange: (state: LockState) => void;
  readonly #onEnd: (error: unknown) => void;
  #latestUs = 0;
  #messages = 0;
  #safetyNet: Alarm | undefined;
  #stopped = false;

  constructor(
    context: StateWatchContext,
    name: string,
    channel: string,
    onChange: (state: LockState) => void,
    onEnd: (error: unknown) => void,
  ) {
    this.#context = context;
    this.name = name;
    this.#channel = channel;
    this.#onChange = onChange;
    this.#onEnd = onEnd;
  }

  async start(): Promise<this> {
    try {
      await this.#context.subscriber.subscribe(this.#channel, this);
    } catch (error) {
      throw errorOfLock(error, this.name);
    }
    this.#context.running.add(this);
    this.#armSafetyNet();
    return this;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#context.running.delete(this);
    this.#safetyNet?.cancel();
    await this.#context.subscriber.unsubscribe(this.#channel, this);
  }

  /** Nothing will be told any more. */
  fail(error: unknown): void {
    void this.stop();
    this.#onEnd(error);
  }

  async check(): Promise<void> {
    const messages = this.#messages;
    const { serverUs, state } = await readState(this.#context, this.name, 'watch');
    // A message that came meanwhile may tell of something later than this reply.
    const overtaken = this.#messages > messages && this.#latestUs >= serverUs;
    if (!overtaken && !this.#stopped) this.#onChange(state);
  }

  onMessage(message: string): void {
    const parsed = parseState(this.name, message);
    if (!parsed || this.#stopped) return;
    this.#messages += 1;
    this.#latestUs = parsed.serverUs;
    this.#onChange(parsed.state);
  }

  onRestored(): void {
    // What fails here is made good by the safety net.
    this.check().catch(() => {});
  }

  /** The server forgets that we watch when it loses its data or its subscribers; then only asking again helps. */
  #armSafetyNet(): void {
    const { clock, safetyNetMs } = this.#context;
    this.#safetyNet = clock.callAt(clock.now() + safetyNetMs, () => {
      this.onRestored();
      this.#armSafetyNet();
    });
  }
}
