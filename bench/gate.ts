import { FULL, type Settings } from './bench.ts';
import { fastest } from './budgets.ts';
import type { Contestant } from './contestants/contestant.ts';
import { BARE } from './contestants/registry.ts';
import { budgetTable } from './reporting/budget-table.ts';
import { toTerminal } from './reporting/table.ts';
import type { BudgetLine } from './results.ts';
import {
  COMMON_HOLD_MS,
  type HandoffRow,
  measureCase,
  stepsOfCase,
  stepsOfWarmUp,
  warmUpHandoff,
} from './scenarios/handoff.ts';
import {
  IN_FLIGHT,
  measureLevel,
  type UncontendedRow,
  uncontended,
  warmUp,
} from './scenarios/uncontended.ts';
import { onStage } from './stage.ts';

const SETTINGS: Settings = { ...FULL, rounds: 3 };
const CASES = [
  { processes: 2, workers: 1, measureMs: 300 },
  { processes: 4, workers: 25, measureMs: 600 },
].map((size) => ({ ...size, holdMs: COMMON_HOLD_MS, everybody: false }));

/**
 * Ratios only, of the best round, with margins that a busy machine does not use up. A retry in the place of the
 * handoff does, in every round.
 */
const MOST_OVER_HOP = 3;
const MOST_COMMANDS = 2.05;
/** Half of what the budgets ask for. */
const LEAST_OVER_BARE = new Map([
  [1, 0.45],
  [10, 0.4],
  [100, 0.3],
  [1_000, 0.3],
]);

/** Measures the least that tells a regression; resolves with the exit status. */
export async function gate(contestant: Contestant): Promise<number> {
  const lines = await onStage(SETTINGS, [contestant], async (bench) => {
    const steps = CASES.reduce((sum, each) => sum + stepsOfCase(bench, each), stepsOfWarmUp(bench));
    bench.progress.expect(steps + uncontended.steps(bench));
    const handoffs: HandoffRow[] = [];
    await warmUpHandoff(bench);
    for (const each of CASES) handoffs.push(...(await measureCase(bench, each)).rows);
    const pairs: UncontendedRow[] = [];
    await warmUp(bench);
    for (const inFlight of IN_FLIGHT) pairs.push(...(await measureLevel(bench, inFlight)));
    for (const { where, error } of bench.failures)
      console.error(`${contestant.id} failed at ${where}: ${error}`);
    return judge(contestant, handoffs, pairs);
  });
  console.log(toTerminal(budgetTable(lines)));
  return lines.every(({ met }) => met) ? 0 : 1;
}

/** The lines of the gate. What could not be measured is not met. */
export function judge(
  { id }: Contestant,
  rows: readonly HandoffRow[],
  pairs: readonly UncontendedRow[],
): BudgetLine[] {
  const handoffs = rows.filter(({ contestant }) => contestant === id);
  const two = handoffs.find(({ workers }) => workers === 1);
  const complete = handoffs.length === CASES.length && handoffs.every(({ counted }) => counted !== null);
  const most = (pick: (row: HandoffRow) => number): number =>
    complete ? Math.max(...handoffs.map(pick)) : Number.NaN;
  return [
    line('handoff, p50, over the bare hop', '≤', MOST_OVER_HOP, two?.overHop.min),
    line(
      'commands per contended acquisition',
      '≤',
      MOST_COMMANDS,
      most(({ counted }) => counted?.commandsPerAcquisition ?? Number.NaN),
    ),
    line(
      'grants out of order',
      '=',
      0,
      most(({ counted }) => counted?.outOfOrder ?? Number.NaN),
    ),
    line(
      'overlapping holds',
      '=',
      0,
      most((row) => row.overlapsByTime + row.overlapsByFence),
    ),
    ...[...LEAST_OVER_BARE].map(([inFlight, least]) => {
      const ours = fastest(pairs, id, inFlight);
      const bare = fastest(pairs, BARE.id, inFlight);
      const ratios = ours?.perSecond.rounds.map(
        (rate, round) => rate / (bare?.perSecond.rounds[round] ?? Number.NaN),
      );
      const ratio = Math.max(...(ratios?.filter(Number.isFinite) ?? []));
      return line(`uncontended, ${inFlight} in flight, over the best bare pair`, '≥', least, ratio);
    }),
  ];
}

function line(
  budget: string,
  relation: BudgetLine['relation'],
  limit: number,
  value = Number.NaN,
): BudgetLine {
  if (!Number.isFinite(value)) return { budget, relation, limit, value: null, met: false };
  const met = relation === '≤' ? value <= limit : relation === '≥' ? value >= limit : value === limit;
  return { budget, relation, limit, value, met };
}
