import { expect, it } from 'vitest';
import { QUICK } from '../../bench/bench.ts';
import { contestant, OURS } from '../../bench/contestants/registry.ts';
import { contendOnce, countOnce } from '../../bench/scenarios/contention.ts';
import { onStage } from '../../bench/stage.ts';

const CONTENTION = { processes: 2, workers: 5, holdMs: 1, measureMs: 200 };
const POLLING = contestant('polling 10 ms');

it('tells a handoff from a retry, on a real server', async () => {
  const before = process.listenerCount('SIGINT');
  await onStage(QUICK, [OURS, POLLING], async (bench) => {
    const round = await contendOnce(bench, OURS, CONTENTION);
    expect(round).toMatchObject({ overlapsByTime: 0, overlapsByFence: 0 });
    expect(round.holds.length).toBeGreaterThan(20);
    expect(Object.values(round.figures).every((value) => Number.isFinite(value) && value > 0)).toBe(true);
    const ours = await countOnce(bench, OURS, CONTENTION);
    expect(ours).toMatchObject({ commandsPerAcquisition: 2, outOfOrder: 0 });
    const polling = await countOnce(bench, POLLING, CONTENTION);
    expect(polling.commandsPerAcquisition).toBeGreaterThan(2.05);
    expect(polling.outOfOrder).toBeGreaterThan(0);
  });
  expect(process.listenerCount('SIGINT')).toBe(before);
}, 60_000);

it('reports who fails, and goes on without', async () => {
  await onStage(QUICK, [OURS, POLLING], async (bench) => {
    const fail = () => bench.attempt(POLLING, 'test', 'here', () => Promise.reject(new Error('it hangs')));
    expect(await fail()).toBeUndefined();
    // Not tried again where it has failed, but elsewhere.
    expect(await bench.attempt(POLLING, 'test', 'here', async () => 1)).toBeUndefined();
    expect(await bench.attempt(POLLING, 'test', 'there', async () => 1)).toBe(1);
    expect(bench.failures).toEqual([
      { scenario: 'test', contestant: POLLING.id, where: 'here', error: 'it hangs' },
    ]);
  });
});
