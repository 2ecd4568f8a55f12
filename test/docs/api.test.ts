import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ROOT } from './code-blocks.ts';

const FOLDER = join(ROOT, 'docs/api');

describe('the API reference', () => {
  it('is generated without a warning, which also says that all that is public is documented', async () => {
    const args = ['run', 'docs:api', '--', '--emit', 'none'];
    const { stdout, stderr } = await promisify(execFile)('npm', args, { cwd: ROOT });
    expect(stdout + stderr).not.toMatch(/warning|error/i);
  }, 120_000);

  it('has every subpath of the package', () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      exports: Record<string, string | { default: string }>;
    };
    const sources = Object.values(exports).flatMap((target) =>
      typeof target === 'string' ? [] : target.default.replace('./dist/', '../../src/').replace(/js$/, 'ts'),
    );
    const { entryPoints } = JSON.parse(readFileSync(join(FOLDER, 'typedoc.json'), 'utf8')) as {
      entryPoints: string[];
    };
    expect(new Set(entryPoints)).toEqual(new Set(sources));
  });
});
