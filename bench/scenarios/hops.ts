import type { Bench } from '../bench.ts';
import { BARE } from '../contestants/registry.ts';
import { nowUs } from '../measure/clock.ts';
import { Durations, type Percentiles } from '../measure/percentiles.ts';

/** Long enough for all processes to have subscribed. */
const LEAD_MS = 60;

interface HopSettings {
  readonly processes: number;
  readonly holdMs: number;
  readonly measureMs: number;
}

/** One round of a bare message that goes around in `processes` processes, each holding it for a while. */
export async function hops(
  bench: Bench,
  { processes, holdMs, measureMs }: HopSettings,
): Promise<Percentiles> {
  const crew = await bench.crews.muster(BARE, processes);
  const startAtUs = nowUs() + LEAD_MS * 1_000;
  const untilUs = startAtUs + bench.scaled(measureMs) * 1_000;
  const results = await Promise.all(
    crew.map((worker, index) =>
      worker.run('relay', { channel: 'relay', index, processes, holdMs, startAtUs, untilUs }),
    ),
  );
  return Durations.of(results.flatMap((result) => result.hops)).percentiles();
}
