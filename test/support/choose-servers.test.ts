import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canInstallRedis } from './apt-redis.ts';
import { chooseServers } from './choose-servers.ts';

describe('the choice of a way to start servers', () => {
  let path: string;
  const env = () => ({ BATON_TEST_SERVERS: 'binary', PATH: path });

  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'batonlock-path-'));
  });
  afterEach(() => rmSync(path, { recursive: true }));

  function putOnPath(name: string, script: string): void {
    writeFileSync(join(path, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(path, name), 0o755);
  }

  it('takes the binary of the PATH and says so in one line', async () => {
    putOnPath('redis-server', 'echo "Redis server v=8.9.10 sha=0"');
    const { way, line } = await chooseServers(env());
    expect(way).toBe('binary');
    expect(line).toBe('test servers: redis-server 8.9.10 from the PATH (BATON_TEST_SERVERS=binary)');
  });

  it('installs the package where it may, and elsewhere says how to get a server', async () => {
    const fakeServer = `printf '#!/bin/sh\\necho v=8.9.10\\n' >${path}/redis-server; /bin/chmod +x ${path}/redis-server`;
    putOnPath('apt-get', `[ "$1" = install ] && [ "$RUNLEVEL" = 1 ] || exit 0\n${fakeServer}`);
    const choice = chooseServers(env());
    if (await canInstallRedis()) {
      expect((await choice).line).toMatch(/redis-server 8\.9\.10, just installed with apt-get/);
    } else {
      await expect(choice).rejects.toThrow(
        /no redis-server on the PATH: start a Docker engine, or install Redis/,
      );
    }
  });

  it('refuses a way that does not exist', async () => {
    await expect(chooseServers({ BATON_TEST_SERVERS: 'cloud' })).rejects.toThrow(
      /container or binary, not cloud/,
    );
  });
});
