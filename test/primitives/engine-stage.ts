import * as vitest from 'vitest';
import { KINDS } from '../../src/testing/conformance/kinds.ts';
import { Stage } from '../../src/testing/conformance/stage.ts';
import type { Engine, Fixture } from '../conformance/engines.ts';

/** The stage of the conformance suite, on an engine that runs as long as the cases beside it. */
export function engineStage(engine: Engine): Stage {
  let fixture: Fixture | undefined;
  vitest.beforeAll(async () => {
    fixture = await engine.start();
  });
  vitest.afterAll(() => fixture?.stop());
  const connect = () => {
    if (!fixture) throw new Error(`${engine.title} was not started`);
    return fixture.connect();
  };
  return new Stage(KINDS.mutex, connect, vitest);
}
