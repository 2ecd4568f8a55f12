import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PAGES } from '../../bench/engines/docs.ts';
import { readEngines } from '../../bench/engines/run.ts';
import { withSection } from '../../bench/reporting/readme.ts';

const results = readEngines();

describe.each(PAGES.map(({ file, section }) => ({ page: file.pathname.split('/').at(-1), file, section })))(
  'docs/$page',
  ({ file, section }) => {
    const text = readFileSync(file, 'utf8');

    it('has the figures of the committed run', () => {
      if (!results) throw new Error('no run has been committed');
      expect(withSection(text, section(results))).toBe(text);
    });

    it('has links that resolve', () => {
      const links = [...text.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link]) => link ?? '');
      const broken = links.filter((link) => !link.startsWith('http') && !existsSync(new URL(link, file)));
      expect(broken).toEqual([]);
    });
  },
);
