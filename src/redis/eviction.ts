import type { Redis } from 'ioredis';
import { type Connection, isCluster, serverOf } from './connection.ts';

const POLICY = /^maxmemory_policy:([a-z-]{1,40})/m;

/** The servers of which this process was warned, however many connections it has to them. */
const warned = new Set<string>();

/**
 * Warns, once in a process, of a server that drops keys when its memory is full: with its record a lock is gone, whoever holds
 * it. The server is asked whenever a connection to it has become ready, and so before anybody is in a hurry. Nothing is said of
 * one that does not tell: this user may not INFO, or has switched off the ready check of ioredis, which is INFO, too.
 * Returns how to stop.
 */
export function warnOfEviction(connection: Connection): () => void {
  if (!isCluster(connection)) {
    watch(connection);
    return () => connection.off('ready', ask);
  }
  connection.on('+node', watch);
  for (const node of connection.nodes('all')) watch(node);
  return () => {
    connection.off('+node', watch);
    for (const node of connection.nodes('all')) node.off('ready', ask);
  };
}

function watch(redis: Redis): void {
  if (redis.options.enableReadyCheck === false) return;
  redis.on('ready', ask);
  if (redis.status === 'ready') ask.call(redis);
}

function ask(this: Redis): void {
  const server = serverOf(this);
  if (warned.has(server)) return;
  this.info('memory').then(
    (info) => look(server, info),
    // Whoever needs this server learns by itself that it does not answer.
    () => {},
  );
}

function look(server: string, info: unknown): void {
  const [, policy] = (typeof info === 'string' && POLICY.exec(info)) || [];
  if (policy === undefined || policy === 'noeviction' || warned.has(server)) return;
  warned.add(server);
  process.emitWarning(
    `the Redis server ${server} has the maxmemory-policy ${policy}: when its memory is full it may drop the keys of locks, ` +
      'and give a lock that somebody holds to somebody else. Set its maxmemory-policy to noeviction, or keep locks on a ' +
      'server of their own.',
    { type: 'BatonlockWarning', code: 'BATON_EVICTION' },
  );
}
