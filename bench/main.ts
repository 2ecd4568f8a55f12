import { pathToFileURL } from 'node:url';
import { Argument, Command, Option } from 'commander';
import { type Bench, FULL, QUICK } from './bench.ts';
import { evaluate } from './budgets.ts';
import { CONTESTANTS, contestant, OURS, versionOf } from './contestants/registry.ts';
import { distanceTable } from './engines/distance.ts';
import { updateDocs } from './engines/docs.ts';
import { faultTables } from './engines/faults.ts';
import { measureEngines, readEngines, writeEngines } from './engines/run.ts';
import { checkTable, costTable, latencyTable } from './engines/tables.ts';
import { gate } from './gate.ts';
import { updatePrimitiveDocs } from './primitives/docs.ts';
import { measurePrimitives, writePrimitives } from './primitives/run.ts';
import { primitiveTables } from './primitives/tables.ts';
import { budgetTable } from './reporting/budget-table.ts';
import { REPORT_DIR, readResults, writeReport } from './reporting/files.ts';
import { describeMachine, packageVersions } from './reporting/machine.ts';
import { updateReadme } from './reporting/readme.ts';
import { scenarioTables } from './reporting/scenario-tables.ts';
import { toTerminal } from './reporting/table.ts';
import type { Results, ScenarioName } from './results.ts';
import { runScenarios, SCENARIO_NAMES } from './scenarios/all.ts';
import { onStage } from './stage.ts';

interface RunOptions {
  readonly quick?: boolean;
  readonly floating?: boolean;
  readonly out?: string;
}

const README = new URL('../README.md', import.meta.url);

/** Runs scenarios and prints their tables. A whole run that is not a quick one becomes the report. */
async function run(
  scenario: ScenarioName | 'all',
  { quick = false, floating = false, out }: RunOptions,
): Promise<number> {
  const names = scenario === 'all' ? SCENARIO_NAMES : [scenario];
  const settings = { ...(quick ? QUICK : FULL), floating };
  const results = await onStage(settings, CONTESTANTS, (bench) => measure(bench, names));
  for (const table of scenarioTables(results.scenarios, results.failures))
    console.log(`${toTerminal(table)}\n`);
  if (scenario === 'all') console.log(`${toTerminal(budgetTable(results.budgets))}\n`);
  const dir = out === undefined ? undefined : pathToFileURL(`${out}/`);
  const target = dir ?? (scenario === 'all' && !quick && !floating ? REPORT_DIR : undefined);
  if (target) writeReport(results, target);
  console.log(`${Math.round(results.seconds)} s in all`);
  return scenario === 'all' && !results.budgets.every(({ met }) => met) ? 1 : 0;
}

async function measure(bench: Bench, names: readonly ScenarioName[]): Promise<Results> {
  const startedAt = performance.now();
  const scenarios = await runScenarios(bench, names);
  return {
    date: new Date().toISOString(),
    machine: await describeMachine(bench.server),
    rounds: bench.settings.rounds,
    quick: bench.settings.quick,
    seconds: (performance.now() - startedAt) / 1_000,
    contestants: bench.contestants.map((each) => ({
      id: each.id,
      version: versionOf(each) ?? null,
      note: each.note,
    })),
    packages: packageVersions(),
    budgets: evaluate(scenarios),
    scenarios,
    failures: bench.failures,
  };
}

const program = new Command('npm run bench --').description('The load benchmark of batonlock.');
program
  .command('run', { isDefault: true })
  .description('measures on a server of its own; exit status 1 when a whole run does not meet every budget')
  .addArgument(new Argument('[scenario]').choices(['all', ...SCENARIO_NAMES]).default('all'))
  .option('--quick', 'fewer and shorter rounds: for a look, not for conclusions')
  .option(
    '--floating',
    'let server and clients move from processor to processor: what that does to the figures',
  )
  .option(
    '--out <folder>',
    'where to write results, report and plots; a whole run writes bench/report by itself',
  )
  .action(async (scenario: ScenarioName | 'all', options: RunOptions) => {
    process.exitCode = await run(scenario, options);
  });
program
  .command('gate')
  .description('ratios only, in less than a minute; exit status 1 when one is far off')
  .addOption(
    new Option('--for <contestant>', 'who takes the place of batonlock, to see that the gate can fail')
      .choices(CONTESTANTS.map(({ id }) => id))
      .default(OURS.id),
  )
  .action(async (options: { for: string }) => {
    process.exitCode = await gate(contestant(options.for));
  });
program
  .command('engines')
  .description(
    'every engine on servers of its own, and the cost model; a run that is not a quick one becomes the docs',
  )
  .option('--quick', 'shorter: for a look, not for conclusions')
  .action(async ({ quick = false }: { quick?: boolean }) => {
    const results = await measureEngines(quick);
    for (const table of [latencyTable(results), costTable(results), checkTable(results)])
      console.log(`${toTerminal(table)}\n`);
    if (!quick) writeEngines(results);
    console.log(`${Math.round(results.seconds)} s in all`);
  });
program
  .command('faults')
  .description(
    'what killed and restarted servers do to those who compete for a lock, and etcdctl in the same line',
  )
  .action(async () => {
    for (const table of await faultTables()) console.log(`${toTerminal(table)}\n`);
  });
program
  .command('distance')
  .description('a handoff of a quorum over a bare round trip, with its servers nearer and farther away')
  .action(async () => console.log(toTerminal(await distanceTable())));
program
  .command('primitives')
  .description('everything that is more than a mutex; a run that is not a quick one becomes the docs')
  .option('--quick', 'shorter: for a look, not for conclusions')
  .action(async ({ quick = false }: { quick?: boolean }) => {
    const results = await measurePrimitives(quick ? QUICK : FULL);
    for (const table of primitiveTables(results)) console.log(`${toTerminal(table)}\n`);
    if (!quick) writePrimitives(results);
    console.log(`${Math.round(results.seconds)} s in all`);
    process.exitCode = results.budgets.every(({ met }) => met) ? 0 : 1;
  });
program
  .command('docs')
  .description('puts the committed figures of engines and primitives into docs/')
  .action(() => {
    updateDocs(readEngines());
    updatePrimitiveDocs();
  });
program
  .command('readme')
  .description('puts the committed results into the README')
  .action(() => updateReadme(README, readResults()));
program
  .command('report')
  .description('writes report and plots of the committed results anew')
  .action(() => {
    const results = readResults();
    if (!results) throw new Error('no run has been committed yet');
    writeReport({ ...results, budgets: evaluate(results.scenarios) }, REPORT_DIR);
  });
await program.parseAsync();
