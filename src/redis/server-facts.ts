import type { Redis } from 'ioredis';
import { systemClock } from '../core/clock.ts';
import { LockBackendError } from '../errors.ts';
import { answerWithin } from './answer-within.ts';
import { type Connection, isCluster, LastError, serverOf } from './connection.ts';
import { noAnswer, toBackendError } from './errors.ts';

/** What one server says of itself, as far as this user may ask. Undefined is what it does not tell. */
export interface ServerFacts {
  /** Without credentials. */
  readonly server: string;
  readonly product: 'Redis' | 'Valkey';
  readonly version: string | undefined;
  readonly role: string | undefined;
  readonly replicas: number;
  /** From CONFIG and INFO, under the names that they have in CONFIG. */
  readonly settings: Readonly<Partial<Record<Setting, string>>>;
  /** By how much its clock is ahead of ours, in ms; right to within half of the round trip. */
  readonly clockOffsetMs: number;
  readonly roundTripMs: number;
  readonly user: string | undefined;
}

/** The longest wait for a first answer, in ms. */
const PATIENCE_MS = 5_000;

const SETTINGS = [
  'maxmemory',
  'maxmemory-policy',
  'appendonly',
  'appendfsync',
  'save',
  'min-replicas-to-write',
] as const;
type Setting = (typeof SETTINGS)[number];

/** What INFO calls those settings that it tells, too: CONFIG is often denied. */
const IN_INFO: Partial<Record<Setting, string>> = {
  maxmemory: 'maxmemory',
  'maxmemory-policy': 'maxmemory_policy',
  appendonly: 'aof_enabled',
};

/** Asks a server about itself, or each master of a cluster. Rejects with `LockBackendError` when one does not answer at all. */
export async function readServerFacts(connection: Connection): Promise<ServerFacts[]> {
  try {
    // A cluster knows its nodes once it has answered.
    await answerWithin(systemClock, PATIENCE_MS, connection.ping(), () =>
      noAnswer(new LastError(connection).get()),
    );
    return await Promise.all(
      (isCluster(connection) ? connection.nodes('master') : [connection]).map(askServer),
    );
  } catch (error) {
    throw error instanceof LockBackendError ? error : toBackendError(error);
  }
}

async function askServer(redis: Redis): Promise<ServerFacts> {
  const clock = await readClock(redis);
  const info = fieldsOf(await optional(redis.info()));
  const config = await optional(redis.config('GET', ...SETTINGS));
  const user = await optional(redis.call('ACL', 'WHOAMI'));
  const valkey = info.get('valkey_version');
  return {
    server: serverOf(redis),
    product: valkey === undefined ? 'Redis' : 'Valkey',
    version: valkey ?? info.get('redis_version'),
    role: info.get('role'),
    replicas: Number(info.get('connected_slaves') ?? 0),
    settings: settingsIn(info, config),
    ...clock,
    user: typeof user === 'string' ? user : undefined,
  };
}

async function readClock(redis: Redis): Promise<Pick<ServerFacts, 'clockOffsetMs' | 'roundTripMs'>> {
  // To a node of a cluster there may be no connection yet.
  await redis.ping();
  const sentAt = performance.now();
  const before = Date.now();
  const [seconds, us] = await redis.time();
  const roundTripMs = performance.now() - sentAt;
  return {
    clockOffsetMs: Number(seconds) * 1_000 + Number(us) / 1_000 - before - roundTripMs / 2,
    roundTripMs,
  };
}

function settingsIn(info: ReadonlyMap<string, string>, config: unknown): ServerFacts['settings'] {
  const told = pairsOf(config);
  const settings: Partial<Record<Setting, string>> = {};
  for (const name of SETTINGS) {
    const field = IN_INFO[name];
    const value = told.get(name) ?? (field === undefined ? undefined : info.get(field));
    if (value !== undefined)
      settings[name] = name === 'appendonly' ? value.replace('1', 'yes').replace('0', 'no') : value;
  }
  return settings;
}

function fieldsOf(info: unknown): Map<string, string> {
  const lines = typeof info === 'string' ? info.matchAll(/^(\w+):(.*?)\r?$/gm) : [];
  return new Map([...lines].map(([, name = '', value = '']) => [name, value]));
}

/** RESP3 tells pairs as an object, RESP2 as a list. */
function pairsOf(reply: unknown): Map<string, string> {
  if (!Array.isArray(reply))
    return new Map(Object.entries(Object(reply)).map(([name, value]) => [name, String(value)]));
  return new Map(
    reply.flatMap((name, index) =>
      index % 2 === 0 ? [[String(name), String(reply[index + 1])] as const] : [],
    ),
  );
}

/** What this user may not ask is not known. */
function optional(asked: Promise<unknown>): Promise<unknown> {
  return asked.catch(() => undefined);
}
