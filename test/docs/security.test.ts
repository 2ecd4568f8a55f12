import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);

it('SECURITY.md names what is installed with the package', () => {
  const { dependencies } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const page = readFileSync(new URL('SECURITY.md', ROOT), 'utf8');
  const [, number, list = ''] =
    /has (\w+) dependenc(?:y|ies) at run\s+time,\s([^;]*?) beside/.exec(page) ?? [];
  const named = [...list.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  expect(named.toSorted()).toEqual(Object.keys(dependencies).toSorted());
  expect(number).toBe(['no', 'one', 'two', 'three', 'four', 'five'][named.length]);
});
