import { contestant } from './contestants/registry.ts';
import { median } from './measure/series.ts';
import type { BudgetLine, ScenarioResults } from './results.ts';
import type { CrowdResult } from './scenarios/crowd.ts';
import { type HandoffResult, HOLDS_MS } from './scenarios/handoff.ts';
import type { Footprint, UncontendedRow } from './scenarios/uncontended.ts';

type Check = Omit<BudgetLine, 'met'>;

const OURS = 'batonlock';
const BARE = 'bare pair';
/** Of the rate of the best bare pair, by how many are in flight. */
const UNCONTENDED = new Map([
  [1, 0.9],
  [10, 0.8],
  [100, 0.6],
  [1_000, 0.6],
]);
/** From here on what a client and the server have once is small against what each waiter needs. */
const CROWDED = 10_000;

/** Every budget of the design, in its order, with the figure of this run. */
export function evaluate(scenarios: Partial<ScenarioResults>): BudgetLine[] {
  const { uncontended, handoff, crowd } = scenarios;
  const checks: Check[] = [
    ...handoffChecks(handoff, crowd),
    ...[...UNCONTENDED].flatMap(([inFlight, limit]) => uncontendedChecks(uncontended?.rows, inFlight, limit)),
    check('commands of each client while 1 000 waiters wait 10 s', '≤', 1, silence(scenarios)),
    ...crowdChecks(crowd),
    check(
      'grants out of order',
      '=',
      0,
      sum(handoff, ({ counted }) => counted?.outOfOrder ?? Number.NaN),
    ),
    check(
      'overlapping holds, by time',
      '=',
      0,
      sum(handoff, (row) => row.overlapsByTime),
    ),
    check(
      'overlapping holds, by fencing token',
      '=',
      0,
      sum(handoff, (row) => row.overlapsByFence),
    ),
    ...footprintChecks(uncontended?.footprint),
  ];
  return checks.map((line) => ({ ...line, met: isMet(line) }));
}

/** Each figure of a round over that of the same round of another: what drifts then hits both. */
export function roundRatio(ours: readonly number[], theirs: readonly number[]): number {
  return median(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)).filter(Number.isFinite));
}

/** With auto-pipelining or without, whichever is faster: a user can choose. */
export function fastest(
  rows: readonly UncontendedRow[],
  id: string,
  inFlight: number,
): UncontendedRow | undefined {
  return rows
    .filter((row) => row.contestant === id && row.inFlight === inFlight)
    .reduce<UncontendedRow | undefined>(
      (best, row) => (best && best.perSecond.median >= row.perSecond.median ? best : row),
      undefined,
    );
}

function check(budget: string, relation: Check['relation'], limit: number, value: number | undefined): Check {
  return { budget, relation, limit, value: value !== undefined && Number.isFinite(value) ? value : null };
}

function isMet({ relation, limit, value }: Check): boolean {
  if (value === null) return false;
  if (relation === '≤') return value <= limit;
  return relation === '≥' ? value >= limit : value === limit;
}

function handoffChecks(handoff: HandoffResult | undefined, crowd: CrowdResult | undefined): Check[] {
  const pairs = HOLDS_MS.map((hold) => ({
    hold,
    row: handoff?.rows.find(
      ({ contestant: id, processes, workers, holdMs }) =>
        id === OURS && processes === 2 && workers === 1 && holdMs === hold,
    ),
  }));
  const contended = (handoff?.rows ?? []).flatMap(({ contestant: id, processes, workers, counted }) =>
    id === OURS && counted && processes * workers >= 10 ? [counted.commandsPerAcquisition] : [],
  );
  const crowded = (crowd?.rows ?? []).flatMap(({ waiters, figures }) =>
    waiters <= CROWDED ? [figures.commandsPerAcquisition.max] : [],
  );
  // "2.0, flat": whether one poke in ten thousand was among them is not the question.
  const most = contended.length > 0 && crowded.length > 0 ? Math.max(...contended, ...crowded) : Number.NaN;
  return [
    ...pairs.map(({ hold, row }) =>
      check(
        `handoff between two processes, hold ${hold} ms, p50, over a bare PUBLISH → message hop`,
        '≤',
        1.25,
        row?.overHop.median,
      ),
    ),
    check(
      'commands per contended acquisition, 10 to 10 000 waiters, the most',
      '≤',
      2,
      Number(most.toFixed(2)),
    ),
  ];
}

function uncontendedChecks(rows: readonly UncontendedRow[] = [], inFlight: number, limit: number): Check[] {
  const over = (ours: UncontendedRow | undefined, theirs: UncontendedRow | undefined): number =>
    ours && theirs ? roundRatio(ours.perSecond.rounds, theirs.perSecond.rounds) : Number.NaN;
  // Auto-pipelining is not a library's but its user's choice, and off by default.
  const asItComes = rows.filter(({ autoPipelining }) => !autoPipelining);
  const peers = new Set(rows.map((row) => row.contestant).filter((id) => contestant(id).kind === 'peer'));
  const ours = fastest(asItComes, OURS, inFlight);
  const leads = [...peers].map((id) => over(ours, fastest(asItComes, id, inFlight))).filter(Number.isFinite);
  return [
    check(
      `uncontended, ${inFlight} in flight, over the best bare pair`,
      '≥',
      limit,
      over(fastest(rows, OURS, inFlight), fastest(rows, BARE, inFlight)),
    ),
    check(
      `uncontended, ${inFlight} in flight, over the fastest peer, all as they come`,
      '≥',
      1,
      leads.length > 0 ? Math.min(...leads) : Number.NaN,
    ),
  ];
}

function silence(scenarios: Partial<ScenarioResults>): number | undefined {
  return scenarios['waiting-room']?.rows.find((row) => row.contestant === OURS)?.commandsPerClient;
}

function crowdChecks(crowd: CrowdResult | undefined): Check[] {
  const rows = crowd?.rows ?? [];
  const script = (size: number) =>
    rows.find(({ waiters }) => waiters === size)?.figures.releaseScriptUs.median;
  const growth = (script(100_000) ?? Number.NaN) / (script(10) ?? Number.NaN);
  const large = rows.filter(({ waiters }) => waiters >= CROWDED);
  const most = (name: 'heapBytes' | 'redisBytes'): number =>
    large.length > 0 ? Math.max(...large.map(({ figures }) => figures[name].median)) : Number.NaN;
  return [
    check('release script with 100 000 waiters over 10 waiters', '≤', 1.5, growth),
    check('client heap per waiter, bytes', '≤', 1_024, most('heapBytes')),
    check('Redis memory per waiter, bytes', '≤', 200, most('redisBytes')),
  ];
}

function sum(
  handoff: HandoffResult | undefined,
  pick: (row: HandoffResult['rows'][number]) => number,
): number | undefined {
  const ours = handoff?.rows.filter((row) => row.contestant === OURS);
  return ours?.reduce((total, row) => total + pick(row), 0);
}

function footprintChecks(footprint: Footprint | null | undefined): Check[] {
  const per = (count: number | undefined): number => (count ?? Number.NaN) / (footprint?.pairs ?? 1);
  return [
    check('commands of an uncontended acquire and release', '≤', 2, per(footprint?.commands)),
    check('timers of one (all open commands share one)', '≤', 0.05, per(footprint?.timers)),
    check('AbortControllers of one', '=', 0, per(footprint?.abortControllers)),
    check('connections of a client that never waits', '=', 1, footprint?.connections),
  ];
}
