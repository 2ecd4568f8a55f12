import type { Redis } from 'ioredis';

/** What the server has done since it was started, for all its clients. */
export interface ServerCounts {
  /** Runs of scripts. Each command that the lock sends is one, and the shop uses none. */
  readonly scripts: number;
  /** Messages published. A release that hands the lock to the next in line publishes one, and only then. */
  readonly messages: number;
}

/** Asks the server how often it has run what; undefined when it does not tell this user. */
export async function countCommands(redis: Redis): Promise<ServerCounts | undefined> {
  const stats = await redis.info('commandstats').catch(() => '');
  if (!stats.includes('cmdstat_')) return undefined;
  const calls = (command: string): number => {
    const found = new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats);
    return Number(found?.[1] ?? 0);
  };
  return { scripts: calls('evalsha') + calls('eval'), messages: calls('spublish') };
}
