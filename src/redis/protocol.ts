import type { ScriptCall } from './command-link.ts';
import type { Keys } from './keys.ts';
import { acquireScript } from './scripts/acquire.ts';
import { inspectScript } from './scripts/inspect.ts';
import { refreshScript } from './scripts/refresh.ts';
import { releaseScript } from './scripts/release.ts';

/** How a queue outlives its pokes: all its clients would have to miss this many in a row. */
const QUEUE_LIFE_IN_SAFETY_NETS = 3;

/** The script calls of the protocol, typed: which script with which keys and arguments. */
export class Protocol {
  readonly #keys: Keys;
  readonly #inboxes: string;
  readonly #retentionMs: number;
  readonly #queueTtlMs: number;

  constructor(keys: Keys, fenceRetentionMs: number, safetyNetMs: number) {
    this.#keys = keys;
    this.#inboxes = keys.inboxes;
    this.#retentionMs = fenceRetentionMs;
    this.#queueTtlMs = safetyNetMs * QUEUE_LIFE_IN_SAFETY_NETS;
  }

  /** `place` is `try`, `queue`, or the arrival score that this owner already had. */
  acquire(lockName: string, owner: string, ttlMs: number, place: string): ScriptCall {
    const args = [owner, ttlMs, this.#retentionMs, this.#inboxes, this.#queueTtlMs, place];
    return { script: acquireScript, args: [...this.#keysOf(lockName), ...args], lockName };
  }

  /** `owner` is an owner id, or `force` for whoever holds the lock. */
  release(lockName: string, owner: string): ScriptCall {
    const args = [owner, this.#retentionMs, this.#inboxes, this.#queueTtlMs];
    return { script: releaseScript, args: [...this.#keysOf(lockName), ...args], lockName };
  }

  refresh(lockName: string, owner: string, ttlMs: number): ScriptCall {
    const args = [owner, ttlMs, this.#retentionMs];
    return { script: refreshScript, args: [...this.#keysOf(lockName), ...args], lockName };
  }

  inspect(lockName: string, mode: 'watch' | ''): ScriptCall {
    return { script: inspectScript, args: [...this.#keysOf(lockName), mode, this.#retentionMs], lockName };
  }

  #keysOf(name: string): [string, string] {
    const record = this.#keys.record(name);
    return [record, `${record}:queue`];
  }
}
