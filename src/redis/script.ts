import { createHash } from 'node:crypto';

/** One Lua script, and the hash by which the server knows it. */
export class Script {
  readonly lua: string;
  readonly sha: string;
  /** With how many keys its arguments begin. */
  readonly keys: number;

  constructor(lua: string, keys = 2) {
    this.lua = lua.trim();
    this.keys = keys;
    this.sha = createHash('sha1').update(this.lua).digest('hex');
  }
}
