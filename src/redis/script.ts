import { createHash } from 'node:crypto';

/** One Lua script, and the hash by which the server knows it. */
export class Script {
  readonly lua: string;
  readonly sha: string;

  constructor(lua: string) {
    this.lua = lua.trim();
    this.sha = createHash('sha1').update(this.lua).digest('hex');
  }
}
