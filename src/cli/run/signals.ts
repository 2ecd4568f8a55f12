const FORWARDED: readonly NodeJS.Signals[] = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
  'SIGCONT',
];
/** Those that do not end a process that does nothing about them. */
const HARMLESS: ReadonlySet<NodeJS.Signals> = new Set(['SIGWINCH', 'SIGCONT']);

/** A signal came before there was anything to hand it on to. */
export class Interrupted extends Error {
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`ended by ${signal}`);
    this.signal = signal;
  }
}

/** Who is told of the signals we are sent, until it is stopped. */
export interface SignalListening {
  /** Who is told from now on. */
  listener: (signal: NodeJS.Signals) => void;
  stop(): void;
}

/** Tells `interrupted` of signals that would have ended us; whoever takes its place is told of all. */
export function onSignals(interrupted: (signal: NodeJS.Signals) => void): SignalListening {
  const listening: SignalListening = {
    listener: (signal) => {
      if (!HARMLESS.has(signal)) interrupted(signal);
    },
    stop: () => {
      for (const signal of FORWARDED) process.off(signal, hear);
    },
  };
  const hear = (signal: NodeJS.Signals): void => listening.listener(signal);
  for (const signal of FORWARDED) process.on(signal, hear);
  return listening;
}
