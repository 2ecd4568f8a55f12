import type { Bench } from '../bench.ts';
import type { ScenarioName, ScenarioResults } from '../results.ts';
import { crash } from './crash.ts';
import { crowd } from './crowd.ts';
import { handoff } from './handoff.ts';
import { limit } from './limit.ts';
import { manyNames } from './many-names.ts';
import type { Scenario } from './scenario.ts';
import { uncontended } from './uncontended.ts';
import { waitingRoom } from './waiting-room.ts';

/** In this order they are run. */
export const SCENARIOS: { readonly [Name in ScenarioName]: Scenario<ScenarioResults[Name]> } = {
  limit,
  uncontended,
  handoff,
  'waiting-room': waitingRoom,
  crowd,
  'many-names': manyNames,
  crash,
};

export const SCENARIO_NAMES = Object.keys(SCENARIOS) as ScenarioName[];

export async function runScenarios(
  bench: Bench,
  names: readonly ScenarioName[],
): Promise<Partial<ScenarioResults>> {
  for (const name of names) bench.progress.expect(SCENARIOS[name].steps(bench));
  const results: Partial<Record<ScenarioName, unknown>> = {};
  for (const name of names) results[name] = await SCENARIOS[name].run(bench);
  return results as Partial<ScenarioResults>;
}
