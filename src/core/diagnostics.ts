import { channel, tracingChannel } from 'node:diagnostics_channel';
import type { LossReason } from '../errors.ts';
import type { Lock } from './lock.ts';

/**
 * What told a caller of its grant: the answer to its request (`reply`), whoever let go (`handoff`), the answer to a request
 * that was made again because the holder may be gone (`poke`), or that to one made again because a link had been cut or the
 * server had not answered (`reconnect`).
 */
export type WakeSource = 'reply' | 'handoff' | 'poke' | 'reconnect';

/**
 * Why somebody who waits has asked again: the holder's lease has run out, or the safety net is due (`due`); the subscriber
 * was cut off for a while (`reconnected`); the server did not answer (`unanswered`), or answered too late, or had more to do
 * than one answer takes (`unfinished`); it has forgotten somebody's place in line (`forgotten`); a message of a grant cannot be
 * dated (`undated`).
 */
export type PokeReason = 'due' | 'reconnected' | 'unanswered' | 'unfinished' | 'forgotten' | 'undated';

/** What a message on any channel says of the lock. */
export interface LockMessage {
  /** Name of the lock. */
  readonly name: string;
  /** Kind of the backend: `redis`, `redlock`, `etcd`, `memory`. */
  readonly engine: string;
}

/** On the tracing channel `batonlock:acquire`: one call, with all the tries that it makes. */
export interface AcquireMessage extends LockMessage {
  /** How many units are asked for. */
  readonly units: number;
  /** Of so many; 1 for a mutex. */
  readonly capacity: number;
  /** Length of the lease in ms. */
  readonly ttl: number;
  /** How long the caller is ready to wait in line, in ms; 0 for a try. */
  readonly waitTimeout: number;
  /** Once it is over: in ms, from the call. */
  waited: number | undefined;
  /** Once it is over. A `tryAcquire` is `refused` where an `acquire` comes to a `timeout`. */
  outcome: 'granted' | 'refused' | 'timeout' | 'aborted' | 'closed' | 'lost' | 'failed' | undefined;
  /** Once it is granted, and if the backend tells. */
  wake: WakeSource | undefined;
  /** Once it is granted; null if refused. */
  result?: Lock | null;
  /** Once it has failed. */
  error?: unknown;
}

/** What a message says of a lease. */
export interface LeaseMessage extends LockMessage {
  /** Its owner id. */
  readonly owner: string;
  /** Its fencing token. */
  readonly fencingToken: number;
  /** How many units of the capacity it has. */
  readonly units: number;
}

/** Tells of what was done about a lease. */
export interface LeaseCallMessage extends LeaseMessage {
  /** Once it is over; `lost` when the lease was found to be gone. */
  outcome: 'done' | 'lost' | 'closed' | 'failed' | undefined;
  /** Once it has failed. */
  error?: unknown;
}

/** On the tracing channel `batonlock:release`. */
export interface ReleaseMessage extends LeaseCallMessage {
  /** Time in ms from the grant until the release was called; undefined if nobody listened when it was granted. */
  readonly held: number | undefined;
}

/** On the tracing channel `batonlock:refresh`, also of what `autoRefresh` does. */
export interface RefreshMessage extends LeaseCallMessage {
  /** The new length of the lease in ms. */
  readonly ttl: number;
}

/** On the tracing channel `batonlock:resume`: a lease that another process has handed over. */
export interface ResumeMessage extends LeaseCallMessage {
  /** Length of the lease in ms. */
  readonly ttl: number;
  /** Once it is resumed. */
  result?: Lock;
}

/** On the channel `batonlock:lost`, as soon as this process notices. */
export interface LostMessage extends LeaseMessage {
  /** How it was lost. */
  readonly reason: LossReason;
  /** As in a `ReleaseMessage`, until the loss was noticed. */
  readonly held: number | undefined;
}

/** On the channel `batonlock:poke`. */
export interface PokeMessage {
  /** Name of the lock. */
  readonly name: string;
  /** Owner id of who asks again. */
  readonly owner: string;
  /** Why. */
  readonly reason: PokeReason;
}

export const acquires = tracingChannel<unknown, AcquireMessage>('batonlock:acquire');
export const releases = tracingChannel<unknown, ReleaseMessage>('batonlock:release');
export const refreshes = tracingChannel<unknown, RefreshMessage>('batonlock:refresh');
export const resumptions = tracingChannel<unknown, ResumeMessage>('batonlock:resume');
export const losses = channel('batonlock:lost');
export const pokes = channel('batonlock:poke');
