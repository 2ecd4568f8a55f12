import { ask } from '../../support/ask.ts';
import type { RedisServer } from '../../support/redis-server.ts';

/** What a server says that it is. */
export async function redisVersion(server: RedisServer): Promise<string> {
  const [, version] = /redis_version:(\S+)/.exec(await ask(server, 'INFO server')) ?? [];
  if (version === undefined) throw new Error('a server does not tell its version');
  return `Redis ${version}`;
}
