import { describe, expect, it } from 'vitest';
import { evaluate, fastest, roundRatio } from '../../bench/budgets.ts';
import { OURS } from '../../bench/contestants/registry.ts';
import { judge } from '../../bench/gate.ts';
import { type Series, series } from '../../bench/measure/series.ts';
import type { ScenarioResults } from '../../bench/results.ts';
import type { RoundFigures } from '../../bench/scenarios/contention.ts';
import type { HandoffRow } from '../../bench/scenarios/handoff.ts';
import { IN_FLIGHT, type UncontendedRow } from '../../bench/scenarios/uncontended.ts';

const one = (value: number): Series => series([value]);
const figures = {} as Record<keyof RoundFigures, Series>;
const latency = {} as UncontendedRow['latency'];

function handoffRow(over: Partial<HandoffRow> & { overHopOf?: number; commands?: number }): HandoffRow {
  const { overHopOf = 1.1, commands = 2, ...rest } = over;
  return {
    ...{ contestant: 'batonlock', processes: 2, workers: 1, holdMs: 0, figures, waitCurve: [] },
    ...{ overHop: one(overHopOf), overlapsByTime: 0, overlapsByFence: 0 },
    counted: { acquisitions: 100, commandsPerAcquisition: commands, outOfOrder: 0 },
    ...rest,
  };
}

function rate(
  contestant: string,
  inFlight: number,
  perSecond: number,
  autoPipelining = false,
): UncontendedRow {
  return { contestant, inFlight, autoPipelining, perSecond: one(perSecond), cpuUs: one(100), latency };
}

/** A run that meets every budget. */
function goodRun(): ScenarioResults {
  const crowded = (waiters: number, releaseScriptUs: number) => ({
    ...{ waiters, acquisitions: 100 },
    figures: {
      ...{ releaseScriptUs: one(releaseScriptUs), handoffP50: one(1), handoffP99: one(1) },
      ...{ commandsPerAcquisition: one(2), heapBytes: one(900), redisBytes: one(150) },
    },
  });
  return {
    handoff: {
      rows: [0, 1, 5].flatMap((holdMs) => [
        handoffRow({ holdMs }),
        handoffRow({ holdMs, processes: 4, workers: 25 }),
      ]),
      hops: [],
    },
    uncontended: {
      rows: IN_FLIGHT.flatMap((level) => [
        rate('bare pair', level, 100),
        rate('batonlock', level, 95),
        rate('redlock', level, 80),
      ]),
      footprint: { pairs: 100, commands: 200, timers: 1, abortControllers: 0, connections: 1 },
    },
    'waiting-room': {
      ...{ waiters: 1_000, processes: 4 },
      rows: [{ contestant: 'batonlock', commandsPerClient: 0.25 }],
    } as unknown as ScenarioResults['waiting-room'],
    crowd: { rows: [crowded(10, 20), crowded(10_000, 22), crowded(100_000, 25)], expiry: null },
  } as unknown as ScenarioResults;
}

function failing(scenarios: Partial<ScenarioResults>): string[] {
  return evaluate(scenarios).flatMap(({ budget, met }) => (met ? [] : [budget]));
}

describe('budgets', () => {
  it('are all met by a good run', () => {
    expect(failing(goodRun())).toEqual([]);
  });

  it('are not met when nothing was measured', () => {
    const lines = evaluate({});
    expect(lines.length).toBeGreaterThan(15);
    expect(lines.filter(({ met, value }) => met || value !== null)).toEqual([]);
  });

  it('fail each for its own reason', () => {
    const slow = goodRun();
    slow.handoff = {
      ...slow.handoff,
      rows: [handoffRow({ overHopOf: 1.26 }), ...slow.handoff.rows.slice(1)],
    };
    expect(failing(slow)).toEqual([expect.stringContaining('PUBLISH')]);

    const chatty = goodRun();
    const row = handoffRow({ processes: 4, workers: 25, commands: 2.01 });
    chatty.handoff = { ...chatty.handoff, rows: [...chatty.handoff.rows, row] };
    expect(failing(chatty)).toEqual([expect.stringContaining('commands per contended')]);

    const overtaking = goodRun();
    const counted = { acquisitions: 100, commandsPerAcquisition: 2, outOfOrder: 1 };
    overtaking.handoff = {
      ...overtaking.handoff,
      rows: [...overtaking.handoff.rows, handoffRow({ counted })],
    };
    expect(failing(overtaking)).toEqual(['grants out of order']);

    const behind = goodRun();
    behind.uncontended = {
      ...behind.uncontended,
      rows: [
        ...behind.uncontended.rows,
        rate('redis-semaphore', 100, 96),
        // A setting of the connection, which would help any of them.
        rate('redis-semaphore', 10, 99, true),
      ],
    };
    expect(failing(behind)).toEqual([expect.stringContaining('100 in flight, over the fastest peer')]);
  });

  it('do not count what polling does', () => {
    const run = goodRun();
    const polling = handoffRow({ contestant: 'polling 10 ms', processes: 4, workers: 25, commands: 74 });
    run.handoff = { ...run.handoff, rows: [...run.handoff.rows, { ...polling, overlapsByTime: 1 }] };
    expect(failing(run)).toEqual([]);
  });

  it('compare with whichever mode is faster, round by round', () => {
    const rows = [rate('bare pair', 10, 100), rate('bare pair', 10, 120, true), rate('bare pair', 100, 500)];
    expect(fastest(rows, 'bare pair', 10)?.autoPipelining).toBe(true);
    expect(fastest(rows, 'nobody', 10)).toBeUndefined();
    // The machine was slow for both in the second round.
    expect(roundRatio([90, 45, 80], [100, 50, 100])).toBe(0.9);
  });
});

describe('the gate', () => {
  const pairs = IN_FLIGHT.flatMap((level) => [rate('bare pair', level, 100), rate('batonlock', level, 60)]);
  const rows = [handoffRow({}), handoffRow({ processes: 4, workers: 25 })];
  const broken = (handoffs: readonly HandoffRow[], rates = pairs): string[] =>
    judge(OURS, handoffs, rates).flatMap(({ budget, met }) => (met ? [] : [budget]));

  it('lets a good run through, and a somewhat slower one', () => {
    expect(broken(rows)).toEqual([]);
    expect(broken(rows.map((row) => ({ ...row, overHop: one(2) })))).toEqual([]);
  });

  it('stops a retry in the place of the handoff', () => {
    const counted = { acquisitions: 100, commandsPerAcquisition: 16.4, outOfOrder: 78 };
    expect(broken(rows.map((row) => ({ ...row, overHop: one(6.9), counted })))).toEqual([
      ...['handoff, p50, over the bare hop', 'commands per contended acquisition', 'grants out of order'],
    ]);
  });

  it('goes by the contestant alone, and not by what was measured beside it', () => {
    const bare = handoffRow({ contestant: 'bare handoff', commands: 9, overHopOf: 9 });
    expect(broken([bare, ...rows])).toEqual([]);
    expect(broken([bare, ...rows.slice(1)])).toHaveLength(4);
  });

  it('stops what could not be measured', () => {
    expect(broken(rows.slice(1))).toHaveLength(4);
    expect(broken(rows, [])).toHaveLength(4);
  });
});
