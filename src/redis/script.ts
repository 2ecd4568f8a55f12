import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';

/**
 * One Lua script and how to run it on the user's connection without changing that connection: EVALSHA, and EVAL
 * when the server does not know it (first use, restart, SCRIPT FLUSH).
 */
export class Script {
  readonly lua: string;
  readonly sha: string;

  constructor(lua: string) {
    this.lua = lua.trim();
    this.sha = createHash('sha1').update(this.lua).digest('hex');
  }

  /** The first `keyCount` arguments are keys. */
  run(redis: Redis, keyCount: number, args: readonly (string | number)[]): Promise<unknown> {
    return redis.evalsha(this.sha, keyCount, ...args).catch((error: unknown) => {
      if (!isUnknownScript(error)) throw error;
      return redis.eval(this.lua, keyCount, ...args);
    });
  }
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
