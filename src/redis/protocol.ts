import type { LeaseRequest } from '../core/backend.ts';
import { isShare } from '../core/owner.ts';
import { INBOXES_OF_KEY, type Keys } from './keys.ts';
import type { ScriptCall } from './open-call.ts';
import type { RedisSettings } from './options.ts';
import type { Script } from './script.ts';
import { acquireScript } from './scripts/acquire.ts';
import { acquireShareScript } from './scripts/acquire-share.ts';
import { adoptScript } from './scripts/adopt.ts';
import { downgradeShareScript, refreshShareScript } from './scripts/change-share.ts';
import { countScript } from './scripts/count.ts';
import type { ScriptConstants } from './scripts/fragments.ts';
import { inspectScript } from './scripts/inspect.ts';
import { refreshScript } from './scripts/refresh.ts';
import { releaseScript } from './scripts/release.ts';
import { releaseShareScript } from './scripts/release-share.ts';

/** How a queue outlives its pokes: all its clients would have to miss this many in a row. */
const QUEUE_LIFE_IN_SAFETY_NETS = 3;

/** What the scripts of a backend with these settings have in common; `perName`: each lock has inboxes of its own. */
export function scriptConstants(keys: Keys, settings: RedisSettings, perName: boolean): ScriptConstants {
  return {
    retentionMs: settings.fenceRetentionMs,
    queueTtlMs: settings.safetyNetMs * QUEUE_LIFE_IN_SAFETY_NETS,
    eventsOfKey: keys.eventsOfKey,
    inboxes: perName ? { ofKey: INBOXES_OF_KEY } : { ofAll: keys.inboxes },
  };
}

/** Not to queue, or the arrival score that this owner already had. */
export type Place = 'try' | number;

interface LockKeys {
  readonly lockName: string;
  readonly record: string;
  readonly queue: string;
  readonly holders: string;
}

/** What the acquire scripts are told of a request. */
type Wanted = Pick<LeaseRequest, 'name' | 'ttlMs' | 'units' | 'capacity'>;

/**
 * The script calls of the protocol, typed: which script with which keys and arguments. Shares of a capacity above 1 have
 * scripts of their own; an owner id says which it is for.
 */
export class Protocol {
  readonly #keys: Keys;
  /** Of the lock that was asked for last, which mostly is asked for next: what is put together anew is copied anew. */
  #latest: LockKeys | undefined;
  readonly #acquire: Script;
  readonly #adopt: Script;
  readonly #release: Script;
  readonly #refresh: Script;
  readonly #inspect: Script;
  readonly #acquireShare: Script;
  readonly #releaseShare: Script;
  readonly #refreshShare: Script;
  readonly #downgradeShare: Script;
  readonly #count: Script;

  constructor(keys: Keys, constants: ScriptConstants) {
    this.#keys = keys;
    this.#acquire = acquireScript(constants);
    this.#adopt = adoptScript(constants);
    this.#release = releaseScript(constants);
    this.#refresh = refreshScript(constants);
    this.#inspect = inspectScript(constants);
    this.#acquireShare = acquireShareScript(constants);
    this.#releaseShare = releaseShareScript(constants);
    this.#refreshShare = refreshShareScript(constants);
    this.#downgradeShare = downgradeShareScript(constants);
    this.#count = countScript(constants);
  }

  /** Without a `place` it queues at the end. */
  acquire({ name, ttlMs, units, capacity }: Wanted, owner: string, place?: Place): ScriptCall {
    if (capacity > 1) {
      const more = place === undefined ? [ttlMs, units, capacity] : [ttlMs, units, capacity, place];
      return this.#shareCall(this.#acquireShare, name, owner, more);
    }
    const { record, queue } = this.#keysOf(name);
    const args = [record, queue, owner, ttlMs];
    if (place !== undefined) args.push(place);
    return { script: this.#acquire, lockName: name, args };
  }

  /** Asks for a vote: `fence` is what another server has granted to this owner. */
  adopt(lockName: string, owner: string, ttlMs: number, fence: number): ScriptCall {
    const { record, queue } = this.#keysOf(lockName);
    return { script: this.#adopt, lockName, args: [record, queue, owner, ttlMs, String(fence)] };
  }

  release(lockName: string, owner: string): ScriptCall {
    if (isShare(owner)) return this.#shareCall(this.#releaseShare, lockName, owner, []);
    const { record, queue } = this.#keysOf(lockName);
    return { script: this.#release, lockName, args: [record, queue, owner] };
  }

  /** As `release`, of a lease, over the connection that listens to `inbox`. */
  handOn(lockName: string, owner: string, inbox: string): ScriptCall {
    if (isShare(owner)) return this.#shareCall(this.#releaseShare, lockName, owner, [inbox]);
    const { record, queue } = this.#keysOf(lockName);
    return { script: this.#release, lockName, args: [record, queue, owner, inbox] };
  }

  /** As `release`, of somebody else's lease, who is told so. */
  force(lockName: string, owner: string): ScriptCall {
    if (isShare(owner)) return this.#shareCall(this.#releaseShare, lockName, 'force', [owner]);
    const { record, queue } = this.#keysOf(lockName);
    return { script: this.#release, lockName, args: [record, queue, 'force', owner] };
  }

  refresh(lockName: string, owner: string, ttlMs: number): ScriptCall {
    if (isShare(owner)) return this.#shareCall(this.#refreshShare, lockName, owner, [ttlMs]);
    const { record, queue } = this.#keysOf(lockName);
    return { script: this.#refresh, lockName, args: [record, queue, owner, ttlMs] };
  }

  /** Keeps `units` of a share. */
  downgrade(lockName: string, owner: string, units: number): ScriptCall {
    return this.#shareCall(this.#downgradeShare, lockName, owner, [units]);
  }

  inspect(lockName: string, mode: 'watch' | ''): ScriptCall {
    return this.#shareCall(this.#inspect, lockName, mode, []);
  }

  #shareCall(
    script: Script,
    lockName: string,
    first: string,
    more: readonly (string | number)[],
  ): ScriptCall {
    const { record, queue, holders } = this.#keysOf(lockName);
    return { script, lockName, args: [record, queue, holders, first, ...more] };
  }

  #keysOf(lockName: string): LockKeys {
    if (this.#latest?.lockName !== lockName) {
      const record = this.#keys.record(lockName);
      this.#latest = { lockName, record, queue: `${record}:queue`, holders: `${record}:holders` };
    }
    return this.#latest;
  }

  /** `request` is `read`, or the number and the runs of a request that `client` makes. */
  count(counterName: string, client: string, request: readonly (string | number)[]): ScriptCall {
    const counter = this.#keys.counter(counterName);
    const args = [counter, `${counter}:${client}`, ...request];
    return { script: this.#count, lockName: counterName, args };
  }
}
