import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const PAGE = readFileSync(new URL('CONTRIBUTING.md', ROOT), 'utf8');

describe('CONTRIBUTING.md', () => {
  it('names scripts that exist', () => {
    const { scripts } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = [...PAGE.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name ?? '');
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  it('names files and folders that exist', () => {
    const links = [...PAGE.matchAll(/\]\(([^)#]+)\)/g)];
    const inCode = [...PAGE.matchAll(/`((?:src|test|spec|bench|docs|api|\.ci)(?:\/[\w.-]+)*\/?)`/g)];
    const named = [...links, ...inCode].map(([, path]) => path ?? '');
    expect(named).toContain('src/core/backend.ts');
    expect(named.filter((path) => !existsSync(new URL(path, ROOT)))).toEqual([]);
  });
});
