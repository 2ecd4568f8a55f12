import { randomBytes } from 'node:crypto';
import type { IKeyValue } from 'etcd3';
import { clientOf } from '../core/owner.ts';

/** A range of keys, as etcd's requests name it. */
export interface KeyRange {
  readonly key: Buffer;
  readonly range_end: Buffer;
}

/** Whose key it is, as its value says. */
export interface Tag {
  readonly owner: string;
  readonly client: string;
  /** The TTL that was asked for, in ms; undefined for keys that are not of this library. */
  readonly ttlMs: number | undefined;
  /** How many units it holds, or waits for. */
  readonly units: number;
  readonly capacity: number;
}

const OURS = /^([\w.-]+:[0-9a-z]+:\d+(?::\d+)?) (\d+)(?: (\d+)\/(\d+))?$/;

/**
 * Where a lock's keys live: `<prefix>/<name>/<lease id in hex>`, which is the layout of `etcdctl lock <prefix>/<name>`
 * (package concurrency of etcd's Go client). A slash within a name is escaped: the keys of `a/b` would count as waiters
 * of `a` otherwise. So every name has a range of its own under one prefix.
 */
export class Keys {
  readonly #start: string;

  constructor(prefix: string) {
    this.#start = prefix === '' ? '' : `${prefix}/`;
  }

  /** All keys of one lock: its holder and its waiters. */
  line(name: string): KeyRange {
    const lock = this.#lock(name);
    // "0" is what comes right after "/".
    return { key: Buffer.from(`${lock}/`), range_end: Buffer.from(`${lock}0`) };
  }

  place(name: string, leaseId: string): Buffer {
    return Buffer.from(`${this.#lock(name)}/${BigInt(leaseId).toString(16)}`);
  }

  /** What `etcdctl lock` calls it. */
  #lock(name: string): string {
    return this.#start + name.replaceAll('%', '%25').replaceAll('/', '%2F');
  }
}

/** A lease id that nobody else has. With an id of our own choice a resent request is harmless. */
export function newLeaseId(): string {
  // 63 bits, and never 0, which asks etcd to choose.
  return String((randomBytes(8).readBigUInt64BE() >> 1n) | 1n);
}

/** The value of a key: `<owner> <TTL>`, and ` <units>/<capacity>` unless it is that of a mutex. */
export function tagFor(
  owner: string,
  ttlMs: number,
  { units, capacity }: Pick<Tag, 'units' | 'capacity'>,
): Buffer {
  return Buffer.from(capacity > 1 ? `${owner} ${ttlMs} ${units}/${capacity}` : `${owner} ${ttlMs}`);
}

/** Reads a key's value; keys of `etcdctl lock` have none, go by the last part of the key, and want a mutex. */
export function tagOf({ key, value }: IKeyValue): Tag {
  const [, owner, ttl, units = '1', capacity = '1'] = OURS.exec(value.toString()) ?? [];
  if (owner !== undefined) {
    const share = { units: Number(units), capacity: Number(capacity) };
    return { owner, client: clientOf(owner), ttlMs: Number(ttl), ...share };
  }
  const text = key.toString();
  const stranger = text.slice(text.lastIndexOf('/') + 1);
  return { owner: stranger, client: clientOf(stranger), ttlMs: undefined, units: 1, capacity: 1 };
}
