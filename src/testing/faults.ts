import type { LockClient } from '../client.ts';
import { checkInteger, checkOptions, copyArray, isInstance } from '../core/arguments.ts';
import type { LockBackend } from '../core/backend.ts';
import { type BackendFault, describe, LockArgumentError, LockBackendError } from '../errors.ts';

/** What one asks a server for; `inspect` is also behind `isHeld`, `isLocked` and `owner`, `acquire` also behind tries. */
export type ServerCall =
  | 'acquire'
  | 'refresh'
  | 'downgrade'
  | 'release'
  | 'inspect'
  | 'forceRelease'
  | 'watch';

const CALLS: readonly ServerCall[] = [
  'acquire',
  'refresh',
  'downgrade',
  'release',
  'inspect',
  'forceRelease',
  'watch',
];

/** Which calls a fault concerns. */
export interface FaultOptions {
  /** Only calls of this kind, or of these; all by default. */
  on?: ServerCall | readonly ServerCall[];
  /** Only the next so many of them (1 … 1 000 000); without end by default. */
  times?: number;
  /** Only those of this client, which the kit has made; those of all by default. */
  client?: LockClient | LockBackend;
}

/** A fault's options after their check: `by` is whoever makes the calls. */
interface Scope {
  readonly calls: ReadonlySet<ServerCall> | undefined;
  readonly by: object | undefined;
  left: number;
}

interface Fault extends Scope {
  readonly delayMs: number;
  /** What the call fails with. */
  readonly error: ((lockName: string) => unknown) | undefined;
}

/** What becomes of one call. */
export interface Fate {
  /** How long its answer takes, in ms. */
  readonly delayMs: number;
  /** What it fails with, if it fails. */
  readonly failure: { readonly error: unknown } | undefined;
}

const MOST_TIMES = 1_000_000;
const FAULTS: readonly BackendFault[] = ['unavailable', 'denied', 'foreign', 'failed'];
const UNTOUCHED: Fate = { delayMs: 0, failure: undefined };

/** What is wrong with a server, for whom and for how long. */
export class Faults {
  readonly #faults = new Set<Fault>();
  #spared = false;

  /** Returns how to end it. */
  add(fault: Pick<Fault, 'delayMs' | 'error'>, scope: Scope): () => void {
    const added = { ...fault, ...scope };
    this.#faults.add(added);
    return () => this.#faults.delete(added);
  }

  clear(): void {
    this.#faults.clear();
  }

  /** What becomes of a call that is made now. Delays add up; the oldest failure counts. */
  meet(call: ServerCall, by: object, lockName: string): Fate {
    if (this.#spared || this.#faults.size === 0) return UNTOUCHED;
    let delayMs = 0;
    let failure: Fate['failure'];
    for (const fault of this.#faults) {
      if (!concerns(fault, call, by) || (fault.error && failure)) continue;
      delayMs += fault.delayMs;
      if (fault.error) failure = { error: fault.error(lockName) };
      fault.left -= 1;
      if (fault.left === 0) this.#faults.delete(fault);
    }
    return { delayMs, failure };
  }

  /** How long news from the server takes to somebody, in ms. */
  lag(to: object): number {
    if (this.#spared) return 0;
    let delayMs = 0;
    for (const fault of this.#faults) if (concerns(fault, 'watch', to)) delayMs += fault.delayMs;
    return delayMs;
  }

  /** Runs `work`, whose calls meet no faults as far as they are made before it returns. */
  spare<T>(work: () => T): T {
    this.#spared = true;
    try {
      return work();
    } finally {
      this.#spared = false;
    }
  }
}

function concerns({ calls, by }: Fault, call: ServerCall, caller: object): boolean {
  return (calls?.has(call) ?? true) && (by ?? caller) === caller;
}

/** `callerOf` tells who makes the calls of a client. */
export function checkScope(
  options: FaultOptions | undefined,
  callerOf: (client: object) => object | undefined,
): Scope {
  const { on, times, client } = checkOptions(options, ['on', 'times', 'client']);
  const calls = on === undefined ? undefined : new Set(callsIn(on));
  for (const call of calls ?? []) {
    if (!CALLS.includes(call)) throw new LockArgumentError('on', call, CALLS.join(', '));
  }
  const by = client && callerOf(client);
  if (client && !by) throw new LockArgumentError('client', client, 'a client or backend of this kit');
  const left =
    times === undefined ? Number.POSITIVE_INFINITY : checkInteger(times, 'times', 1, MOST_TIMES, '');
  return { calls, by, left };
}

function callsIn(on: ServerCall | readonly ServerCall[]): ServerCall[] {
  const calls = typeof on === 'string' ? [on] : copyArray(on, CALLS.length);
  if (!calls) throw new LockArgumentError('on', on, `one of ${CALLS.join(', ')}, or an array of them`);
  return calls as ServerCall[];
}

/** What calls fail with: an error of the user's, or ours with a reason. */
export function checkFault(fault: BackendFault | Error): (lockName: string) => unknown {
  if (isInstance(fault, Error)) return () => fault;
  if (!FAULTS.includes(fault)) {
    throw new LockArgumentError('fault', fault, `an Error, or one of ${FAULTS.join(', ')}`);
  }
  return (lockName) =>
    new LockBackendError(
      `the test kit answers for ${describe(lockName)}: ${fault}`,
      { reason: fault, retryable: fault === 'unavailable' },
      { lockName },
    );
}
