import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type {
  AcquireMessage,
  LostMessage,
  PokeMessage,
  RefreshMessage,
  ReleaseMessage,
  ResumeMessage,
} from '../../src/index.ts';

const OPERATIONS = ['acquire', 'release', 'refresh', 'resume'];
const STEPS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'];

/** Every channel that there is. */
export const CHANNELS: readonly string[] = [
  ...OPERATIONS.flatMap((operation) => STEPS.map((step) => `tracing:batonlock:${operation}:${step}`)),
  'batonlock:lost',
  'batonlock:poke',
];

interface Entry {
  /** Without what all have in common: `acquire:start`, `lost`. */
  readonly channel: string;
  /** As it was then. */
  readonly message: object;
}

/** Writes down what is said on all channels, until it is stopped. */
export class Recorder implements Disposable {
  readonly entries: Entry[] = [];

  constructor() {
    for (const channel of CHANNELS) subscribe(channel, this.#note);
  }

  /** The channels that something was said on, in order. */
  get order(): string[] {
    return this.entries.map(({ channel }) => channel);
  }

  get acquires(): AcquireMessage[] {
    return this.#on('acquire:asyncEnd');
  }

  get releases(): ReleaseMessage[] {
    return this.#on('release:asyncEnd');
  }

  get refreshes(): RefreshMessage[] {
    return this.#on('refresh:asyncEnd');
  }

  get resumptions(): ResumeMessage[] {
    return this.#on('resume:asyncEnd');
  }

  get losses(): LostMessage[] {
    return this.#on('lost');
  }

  get pokes(): PokeMessage[] {
    return this.#on('poke');
  }

  stop(): void {
    for (const channel of CHANNELS) unsubscribe(channel, this.#note);
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  readonly #note = (message: unknown, name: string | symbol): void => {
    const channel = String(name).replace(/^(tracing:)?batonlock:/, '');
    this.entries.push({ channel, message: { ...(message as object) } });
  };

  #on<M>(wanted: string): M[] {
    return this.entries.flatMap(({ channel, message }) => (channel === wanted ? [message as M] : []));
  }
}
