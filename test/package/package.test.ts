import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EtcdCluster, startEtcd } from '../support/etcd.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { Consumer } from './consumer.ts';
import { MANIFEST, SUBPATHS } from './manifest.ts';
import { ROOT, Tarball } from './tarball.ts';
import { COMPILATIONS, compile } from './types.ts';
import { COMMAND_USES, neededBy, usesAtHand, WAYS } from './uses.ts';

const run = promisify(execFile);
const COMPILER = ['typescript@5', '@types/node@20'];

let tarball: Tarball;
let consumer: Consumer;
let redis: RedisServer;
let etcd: EtcdCluster;

beforeAll(async () => {
  tarball = await Tarball.pack();
  consumer = await Consumer.create();
  await consumer.install(tarball.file, ...COMPILER);
  [redis, etcd] = await Promise.all([startRedis(), startEtcd()]);
});

afterAll(async () => {
  await Promise.all([
    redis[Symbol.asyncDispose](),
    etcd[Symbol.asyncDispose](),
    consumer[Symbol.asyncDispose](),
    tarball[Symbol.asyncDispose](),
  ]);
});

describe('the packed package', () => {
  it('holds what Node and a compiler need of each source file, what people read, and nothing else', () => {
    const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' });
    const built = sources
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => ['.js', '.d.ts'].map((extension) => `dist/${file.replace(/\.ts$/, extension)}`));
    const pages = readdirSync(join(ROOT, 'docs'))
      .filter((file) => file.endsWith('.md'))
      .map((file) => `docs/${file}`);
    const wanted = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json', ...pages, ...built];
    expect([...tarball.contents].sort()).toEqual(wanted.sort());
  });

  it('is well-formed in the eyes of publint', async () => {
    const { buffer } = new Uint8Array(await tarball.bytes());
    const { messages } = await publint({ pack: { tarball: buffer }, strict: true });
    expect(messages).toEqual([]);
  });

  it('has types that resolve as the code does in the eyes of attw', async () => {
    // Subpaths have never been there for Node 10. ESM by require is what every Node does that `engines` admits.
    const rules = ['--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm'];
    const attw = join(ROOT, 'node_modules/.bin/attw');
    const { stdout } = await run(attw, [tarball.file, ...rules, '--format', 'ascii', '--no-color']);
    for (const { specifier } of SUBPATHS) expect(stdout).toContain(`"${specifier}"`);
  });
});

describe('a project that has the package installed', () => {
  it('is tried with every subpath and every command', () => {
    expect(usesAtHand().sort()).toEqual(SUBPATHS.map(({ title }) => title).sort());
    expect(Object.keys(COMMAND_USES)).toEqual(expect.arrayContaining(Object.keys(MANIFEST.bin ?? {})));
  });

  for (const name of Object.keys(MANIFEST.bin ?? {})) {
    it(`runs ${name}`, async () => {
      expect(await consumer.command(name, COMMAND_USES[name] ?? [])).toContain(MANIFEST.version);
    });
  }

  const plain = SUBPATHS.filter((subpath) => neededBy(subpath).length === 0);
  const needy = SUBPATHS.filter((subpath) => neededBy(subpath).length > 0);

  describe('and nothing else', () => {
    runsAll(plain);
    compilesAll(plain, COMPILATIONS);
  });

  describe('and what is optional', () => {
    beforeAll(() => consumer.install(...new Set(needy.flatMap(neededBy))));
    runsAll(needy);
    compilesAll(needy, COMPILATIONS);
  });

  describe('and the oldest ioredis', () => {
    beforeAll(() => consumer.install('ioredis@5'));
    runsAll(plain);
    compilesAll(plain, COMPILATIONS.slice(0, 1));
  });

  function runsAll(subpaths: typeof SUBPATHS): void {
    for (const subpath of subpaths) {
      for (const [way, prepare] of Object.entries(WAYS)) {
        it(`uses ${subpath.specifier} from ${way}`, async () => {
          const program = await prepare(consumer, subpath);
          const output = await consumer.node(program, { REDIS_URL: redis.url, ETCD_URL: etcd.url });
          expect(output).toBe('used\n');
        });
      }
    }
  }

  function compilesAll(subpaths: typeof SUBPATHS, compilations: typeof COMPILATIONS): void {
    for (const compilation of compilations) {
      it(`compiles with ${compilation.title}`, async () => {
        expect(await compile(consumer, compilation, subpaths)).toBe('');
      }, 120_000);
    }
  }
});
