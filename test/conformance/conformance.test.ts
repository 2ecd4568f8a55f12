import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ENGINES } from './engines.ts';
import { exclusionCases } from './exclusion.ts';
import { holdingCases } from './holding.ts';
import { observingCases } from './observing.ts';
import { Stage } from './stage.ts';
import { waitingCases } from './waiting.ts';

describe.each(ENGINES)('$title', (engine) => {
  const stage = new Stage(engine);
  exclusionCases(stage);
  waitingCases(stage);
  holdingCases(stage);
  observingCases(stage);
});

it('runs over every engine of the library', () => {
  const src = new URL('../../src/', import.meta.url);
  const engines = readdirSync(src).filter((folder) => existsSync(new URL(`${folder}/backend.ts`, src)));
  expect(new Set(ENGINES.map(({ folder }) => folder))).toEqual(
    new Set(engines.filter((folder) => folder !== 'core')),
  );
});
