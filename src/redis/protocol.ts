import { INBOXES_OF_KEY, type Keys } from './keys.ts';
import type { ScriptCall } from './open-call.ts';
import type { RedisSettings } from './options.ts';
import type { Script } from './script.ts';
import { acquireScript } from './scripts/acquire.ts';
import { adoptScript } from './scripts/adopt.ts';
import { countScript } from './scripts/count.ts';
import type { ScriptConstants } from './scripts/fragments.ts';
import { inspectScript } from './scripts/inspect.ts';
import { refreshScript } from './scripts/refresh.ts';
import { releaseScript } from './scripts/release.ts';

/** How a queue outlives its pokes: all its clients would have to miss this many in a row. */
const QUEUE_LIFE_IN_SAFETY_NETS = 3;

/** What the scripts of a backend with these settings have in common; `perName`: each lock has inboxes of its own. */
export function scriptConstants(keys: Keys, settings: RedisSettings, perName: boolean): ScriptConstants {
  return {
    retentionMs: settings.fenceRetentionMs,
    queueTtlMs: settings.safetyNetMs * QUEUE_LIFE_IN_SAFETY_NETS,
    inboxes: perName ? { ofKey: INBOXES_OF_KEY } : { ofAll: keys.inboxes },
  };
}

/** The script calls of the protocol, typed: which script with which keys and arguments. */
export class Protocol {
  readonly #keys: Keys;
  readonly #acquire: Script;
  readonly #adopt: Script;
  readonly #release: Script;
  readonly #refresh: Script;
  readonly #inspect: Script;
  readonly #count: Script;

  constructor(keys: Keys, constants: ScriptConstants) {
    this.#keys = keys;
    this.#acquire = acquireScript(constants);
    this.#adopt = adoptScript(constants);
    this.#release = releaseScript(constants);
    this.#refresh = refreshScript(constants);
    this.#inspect = inspectScript(constants);
    this.#count = countScript(constants);
  }

  /** `place` is `try`, or the arrival score that this owner already had; without one it queues at the end. */
  acquire(lockName: string, owner: string, ttlMs: number, place?: string): ScriptCall {
    const record = this.#keys.record(lockName);
    const args = [record, `${record}:queue`, owner, ttlMs];
    if (place !== undefined) args.push(place);
    return { script: this.#acquire, lockName, args };
  }

  /** Asks for a vote: `fence` is what another server has granted to this owner. */
  adopt(lockName: string, owner: string, ttlMs: number, fence: number): ScriptCall {
    const record = this.#keys.record(lockName);
    return { script: this.#adopt, lockName, args: [record, `${record}:queue`, owner, ttlMs, String(fence)] };
  }

  /** `owner` is an owner id, or `force` for whoever holds the lock. */
  release(lockName: string, owner: string): ScriptCall {
    const record = this.#keys.record(lockName);
    return { script: this.#release, lockName, args: [record, `${record}:queue`, owner] };
  }

  refresh(lockName: string, owner: string, ttlMs: number): ScriptCall {
    const record = this.#keys.record(lockName);
    return { script: this.#refresh, lockName, args: [record, `${record}:queue`, owner, ttlMs] };
  }

  inspect(lockName: string, mode: 'watch' | ''): ScriptCall {
    const record = this.#keys.record(lockName);
    return { script: this.#inspect, lockName, args: [record, `${record}:queue`, mode] };
  }

  /** `request` is `read`, or the number and the runs of a request that `client` makes. */
  count(counterName: string, client: string, request: readonly (string | number)[]): ScriptCall {
    const counter = this.#keys.counter(counterName);
    const args = [counter, `${counter}:${client}`, ...request];
    return { script: this.#count, lockName: counterName, args };
  }
}
