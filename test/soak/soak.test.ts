import { expect, it } from 'vitest';
import { soakSettings } from './settings.ts';
import { soak } from './soak.ts';
import { judge } from './verdict.ts';

it('row 48: after six seconds of everything, with connections and processes being killed, all is back', async () => {
  const run = await soak(soakSettings(0.1, 48));
  expect(judge(run)).toEqual([]);
  expect(run.busy.at(-1)?.grants).toBeGreaterThan(300);
}, 60_000);
