import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

/** What each part of `src` may import besides itself. Files at the top stand for themselves. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'errors.ts': [],
  core: ['errors.ts'],
  etcd: ['core', 'errors.ts'],
  memory: ['core', 'errors.ts'],
  // It listens to the channels of core, and nobody needs it.
  observe: ['core', 'errors.ts'],
  primitives: ['core', 'errors.ts'],
  redis: ['core', 'errors.ts'],
  redlock: ['core', 'errors.ts', 'redis'],
  'url.ts': ['errors.ts'],
  'sentinel-redis.ts': [],
  'connect.ts': ['errors.ts', 'redis', 'sentinel-redis.ts', 'url.ts'],
  'redis-backends.ts': ['connect.ts', 'core', 'errors.ts', 'redis', 'redlock'],
  // And etcd, when it is asked for.
  'backend-from-url.ts': ['connect.ts', 'core', 'errors.ts', 'memory', 'redis-backends.ts', 'url.ts'],
  'source.ts': ['core', 'errors.ts', 'redis-backends.ts'],
  'lock-creator.ts': ['core', 'errors.ts', 'source.ts'],
  'client.ts': ['core', 'errors.ts', 'lock-creator.ts', 'primitives', 'source.ts'],
  testing: ['client.ts', 'core', 'errors.ts', 'lock-creator.ts', 'memory'],
  cli: [
    'backend-from-url.ts',
    'client.ts',
    'connect.ts',
    'core',
    'errors.ts',
    'lock-creator.ts',
    'memory',
    'redis',
    'url.ts',
  ],
  'index.ts': [
    'backend-from-url.ts',
    'client.ts',
    'core',
    'errors.ts',
    'lock-creator.ts',
    'memory',
    'primitives',
    'redis',
    'redis-backends.ts',
    'redlock',
    'source.ts',
  ],
};

/** Packages that a part may use at run time. */
const MAY_USE: Record<string, readonly string[]> = {
  cli: ['commander', 'string-width'],
  core: ['p-defer'],
  etcd: ['etcd3', 'p-defer'],
  observe: ['@opentelemetry/api'],
  redis: ['ioredis', 'p-defer'],
  redlock: ['ioredis', 'p-defer'],
  'connect.ts': ['ioredis'],
  'redis-backends.ts': ['ioredis'],
  'sentinel-redis.ts': ['ioredis'],
  'source.ts': ['ioredis'],
};

interface Import {
  readonly file: string;
  readonly part: string;
  readonly target: string;
}

function imports(): Import[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(SRC, file), 'utf8');
      const targets = [...text.matchAll(/^(?:import|export)\b[^'"]*?from '([^']+)'|^import '([^']+)'/gm)];
      return targets.map((match) => ({ file, part: partOf(file), target: match[1] ?? match[2] ?? '' }));
    });
}

function partOf(file: string): string {
  return file.split('/')[0] ?? file;
}

const all = imports();
const local = all
  .filter(({ target }) => target.startsWith('.'))
  .map((found) => ({
    ...found,
    target: relative(SRC, resolve(join(SRC, dirname(found.file)), found.target)),
  }));

describe('the layers of src', () => {
  it('are all known here', () => {
    expect(new Set(readdirSync(SRC))).toEqual(new Set(Object.keys(MAY_IMPORT)));
    expect(local.length).toBeGreaterThan(50);
  });

  it('import one way only', () => {
    const wrong = local.filter(({ part, target }) => {
      const to = partOf(target);
      return to !== part && !MAY_IMPORT[part]?.includes(to);
    });
    expect(wrong).toEqual([]);
  });

  it('never import from tests or benchmarks', () => {
    expect(local.filter(({ target }) => target.startsWith('..'))).toEqual([]);
  });

  it('use no package but the declared ones', () => {
    const packages = all.filter(({ target }) => !target.startsWith('.') && !target.startsWith('node:'));
    expect(packages.filter(({ part, target }) => !MAY_USE[part]?.includes(target))).toEqual([]);
  });

  it('have one barrel', () => {
    const barrels = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) =>
      /(^|\/)index\.ts$/.test(file),
    );
    expect(barrels).toEqual(['index.ts']);
  });
});
