import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LockUnsupportedError } from '../../src/index.ts';
import { supportsCapacity } from '../support/supports.ts';
import { ENGINES, type Engine } from './engines.ts';
import { exclusionCases } from './exclusion.ts';
import { holdingCases } from './holding.ts';
import { DRAINED_SEMAPHORE, type Kind, MUTEX, SEMAPHORE_OF_ONE, WRITE_SIDE } from './kinds.ts';
import { observingCases } from './observing.ts';
import { sharingCases } from './sharing.ts';
import { House, Stage } from './stage.ts';
import { waitingCases } from './waiting.ts';

describe.each(ENGINES)('$title', (engine) => {
  const house = new House(engine);
  describe.each(kindsFor(engine))('$title', (kind) => {
    const stage = new Stage(house, kind);
    exclusionCases(stage);
    waitingCases(stage);
    holdingCases(stage);
    observingCases(stage);
  });
  describe('shares', () => {
    if (supportsCapacity(engine.folder)) sharingCases(new Stage(house, { ...MUTEX, title: 'shares' }));
    else refusalCases(house);
  });
});

function kindsFor(engine: Engine): Kind[] {
  if (!supportsCapacity(engine.folder)) return [MUTEX];
  const kinds = [MUTEX, DRAINED_SEMAPHORE, WRITE_SIDE];
  // The same code path as a mutex: two engines will do.
  const firsts = ['memory', 'redis'].map((folder) => ENGINES.find((one) => one.folder === folder));
  return firsts.includes(engine) ? [...kinds, SEMAPHORE_OF_ONE] : kinds;
}

function refusalCases(house: House): void {
  it('are refused, but for the semaphore that is a mutex', async () => {
    await using client = house.connect();
    expect(() => client.semaphore('of three', 3)).toThrow(LockUnsupportedError);
    expect(() => client.readWriteLock('both sides')).toThrow(LockUnsupportedError);
    expect(await client.semaphore('of one', 1).tryAcquire(1_000)).not.toBeNull();
  });
}

it('runs over every engine of the library', () => {
  const src = new URL('../../src/', import.meta.url);
  const engines = readdirSync(src).filter((folder) => existsSync(new URL(`${folder}/backend.ts`, src)));
  expect(new Set(ENGINES.map(({ folder }) => folder))).toEqual(
    new Set(engines.filter((folder) => folder !== 'core')),
  );
});
