import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { LockArgumentError } from '../errors.ts';
import type { LeaseRequest } from './backend.ts';

const LONGEST_CLIENT_NAME = 64;
const OWNER = /^[A-Za-z0-9._-]{1,256}:[0-9a-z]{1,11}:\d{1,10}(:\d{1,10})?$/;
const CLIENT_NAME = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Owner ids, `<client>:<sequence>:<ttl>[:<units>]`: unique for each acquisition, and all that a releaser needs in order to
 * grant to it. The client is `<client name>.<process id>.<random>`, so an inspection shows who holds a lock. Only those of
 * a resource with a capacity above 1 have units, even if it is one.
 */
export class Owners {
  readonly client: string;
  readonly #start: string;
  #sequence = 0;

  /**
   * `clientName` is 1 to 64 letters, digits, dots, hyphens or underscores; the host's name if left out. `instance` tells it
   * from all others of that name, in this process and elsewhere.
   */
  constructor(
    clientName: string = hostName(),
    instance = `${process.pid}.${randomBytes(6).toString('hex')}`,
  ) {
    this.client = `${clientName}.${instance}`;
    this.#start = `${this.client}:`;
  }

  next({ ttlMs, units, capacity }: Pick<LeaseRequest, 'ttlMs' | 'units' | 'capacity'>): string {
    this.#sequence += 1;
    // In this order V8 keeps two short strings for each id, and not one for each of its parts.
    const rest = `${this.#sequence.toString(36)}:${ttlMs}`;
    return this.#start + (capacity > 1 ? `${rest}:${units}` : rest);
  }
}

/** Whether a value looks like an owner id. */
export function isOwner(value: unknown): value is string {
  return typeof value === 'string' && OWNER.test(value);
}

/** The client part of an owner id. */
export function clientOf(owner: string): string {
  const end = owner.indexOf(':');
  return end < 0 ? owner : owner.slice(0, end);
}

/** The TTL part of an owner id, in ms. */
export function ttlOf(owner: string): number {
  return Number(owner.split(':')[2]);
}

/** Whether an owner id is that of a share, and so has units. */
export function isShare(owner: string): boolean {
  return owner.indexOf(':', owner.indexOf(':', owner.indexOf(':') + 1) + 1) > 0;
}

export function checkClientName(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !CLIENT_NAME.test(value)) {
    const bounds = `1 to ${LONGEST_CLIENT_NAME} letters, digits, ".", "_" or "-"`;
    throw new LockArgumentError('clientName', value, bounds);
  }
  return value;
}

function hostName(): string {
  return (
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .slice(0, LONGEST_CLIENT_NAME) || 'host'
  );
}
