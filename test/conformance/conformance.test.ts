import { existsSync, readdirSync } from 'node:fs';
import * as vitest from 'vitest';
import { expect, it } from 'vitest';
import type { LockKind } from '../../src/testing/conformance/kinds.ts';
import { lockConformance } from '../../src/testing/kit.ts';
import { supportsCapacity } from '../support/supports.ts';
import { ENGINES, type Engine, type Fixture } from './engines.ts';

for (const engine of ENGINES) {
  let fixture: Fixture | undefined;
  const subject = {
    title: engine.title,
    kinds: kindsFor(engine),
    start: async () => {
      fixture = await engine.start();
    },
    connect() {
      if (!fixture) throw new Error(`${engine.title} was not started`);
      return fixture.connect();
    },
    stop: () => fixture?.stop(),
  };
  lockConformance(subject, vitest);
}

function kindsFor(engine: Engine): LockKind[] {
  if (!supportsCapacity(engine.folder)) return ['mutex'];
  // A semaphore of one takes the code path of a mutex: two engines will do.
  const firsts = ['memory', 'redis'].map((folder) => ENGINES.find((one) => one.folder === folder));
  const kinds: LockKind[] = ['mutex', 'drained-semaphore', 'write-side'];
  return firsts.includes(engine) ? [...kinds, 'semaphore-of-one'] : kinds;
}

it('runs with locks of several units where they are known to work', () => {
  const capable = new Set(ENGINES.map(({ folder }) => folder).filter(supportsCapacity));
  // Without this, a backend that stopped saying so would be left alone.
  expect([...capable]).toEqual(expect.arrayContaining(['memory']));
});

it('runs over every engine of the library', () => {
  const src = new URL('../../src/', import.meta.url);
  const engines = readdirSync(src).filter((folder) => existsSync(new URL(`${folder}/backend.ts`, src)));
  expect(new Set(ENGINES.map(({ folder }) => folder))).toEqual(
    new Set(engines.filter((folder) => folder !== 'core')),
  );
});
