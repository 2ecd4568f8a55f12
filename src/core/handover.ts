import { LockArgumentError, LockLostError } from '../errors.ts';
import { checkInteger, checkName, checkTtl, checkUnits, readProperties } from './arguments.ts';
import type { Grant, LockBackend } from './backend.ts';
import { leaseDeadline } from './deadline.ts';
import { isOwner } from './owner.ts';

const VERSION = 1;
const SOURCE = 'what lock.toJSON() gave, or its JSON text';
const FIELDS = ['version', 'name', 'owner', 'fencingToken', 'units', 'ttl'] as const;

/** All that another process needs to go on with a lease: what `lock.toJSON()` gives and `locks.resume()` takes. */
export interface LockJson {
  /** Of this format: 1. */
  readonly version: 1;
  /** Name of the lock, with its group. */
  readonly name: string;
  /** Owner id of the lease, which stays the same. */
  readonly owner: string;
  /** That of its grant, which stays the same. */
  readonly fencingToken: number;
  /** How many units of the capacity it holds. */
  readonly units: number;
  /** Length of the lease in ms. */
  readonly ttl: number;
}

/** Checks every field, of the object or of its JSON text. Throws `LockArgumentError`, which names the field. */
export function readLockJson(json: unknown): LockJson {
  const fields = typeof json === 'string' ? parse(json) : json;
  if (typeof fields !== 'object' || fields === null) throw new LockArgumentError('json', json, SOURCE);
  const given = fields as Record<keyof LockJson, unknown>;
  const { version, name, owner, fencingToken, units, ttl } = readProperties(given, FIELDS, (cause) => {
    return new LockArgumentError('json', json, SOURCE, { cause });
  });
  if (version !== VERSION) throw new LockArgumentError('json.version', version, String(VERSION));
  if (!isOwner(owner)) throw new LockArgumentError('json.owner', owner, 'an owner id');
  return {
    version,
    name: checkName(name, 'json.name'),
    owner,
    fencingToken: checkInteger(fencingToken, 'json.fencingToken', 1, Number.MAX_SAFE_INTEGER, ''),
    units: checkUnits(units, 'json.units'),
    ttl: checkTtl(ttl, 'json.ttl'),
  };
}

/** Refreshes a lease that another process was granted. Rejects with `LockLostError` when it is gone, and as `refresh` does. */
export async function takeOver(
  backend: LockBackend,
  { name, owner, fencingToken, units, ttl }: LockJson,
): Promise<Grant> {
  const deadline = leaseDeadline(backend.clock.now(), ttl, backend.driftFactor);
  const grant = { name, owner, fencingToken, units, ttlMs: ttl, deadline };
  if (!(await backend.refresh(grant, ttl))) throw new LockLostError(name, 'taken');
  return grant;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new LockArgumentError('json', text, SOURCE);
  }
}
