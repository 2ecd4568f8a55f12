/** A lock that a contestant holds. */
export interface Lease {
  readonly fencingToken?: number | undefined;
  release(): Promise<unknown>;
}

/** A contestant, connected. All times in ms. */
export interface Connection {
  /** Takes a lock, waiting for it if need be; rejects when it is not to be had in time. */
  acquire(name: string, ttlMs: number, waitMs: number): Promise<Lease>;
  /** Takes a free lock and keeps it beyond its TTL; missing where the library cannot. */
  hold?(name: string, ttlMs: number): Promise<Lease>;
  /** Resolves when the server has seen all that was asked so far; needed by crowds, which only we are measured with. */
  settle?(name: string): Promise<void>;
  /** A countdown that processes share; only we have one. */
  counter?(name: string, ttlMs: number): Countdown;
  close(): Promise<void>;
}

export interface Countdown {
  /** Resolves with what is left. */
  decrement(): Promise<number>;
  /** Resolves when nothing is left. */
  wait(timeoutMs: number): Promise<void>;
}

export interface ConnectOptions {
  /** The `enableAutoPipelining` of ioredis. */
  readonly autoPipelining: boolean;
}

export type Connect = (url: string, options: ConnectOptions) => Promise<Connection>;

/** Somebody who takes part. */
export interface Contestant {
  readonly id: string;
  readonly kind: 'ours' | 'polling' | 'peer' | 'bare';
  /** The npm package that is measured. */
  readonly packageName?: string;
  /** How it waits and what it was set to, for the report. */
  readonly note: string;
  /** Whether it runs on ioredis, so that auto-pipelining can be on or off. */
  readonly ioredis: boolean;
  /** What tells an acquisition's commands from all others', if it is not where `tokenOf` of turns.ts looks. */
  readonly tokenOf?: TokenOf;
  load(): Promise<Connect>;
}

/** Finds the owner's token in a command, given with its name and all arguments. */
export type TokenOf = (command: readonly string[]) => string | undefined;

/** How often those retry that let us say so: the default of the fastest, and what they need to be quick at all. */
export const RETRY_MS = 10;
