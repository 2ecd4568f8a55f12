import { setTimeout as pause } from 'node:timers/promises';
import { nowUs } from '../../bench/measure/clock.ts';
import { LockClient, memoryBackend } from '../../src/index.ts';
import { Chance } from './chance.ts';
import type { Crew } from './crew.ts';
import type { Fault } from './fault.ts';
import type { Injury } from './history.ts';

/** Longer than any fault takes. */
const TTL_MS = 300_000;
/** Faults come in swarms, with a calm in between in which those who wait can catch up. */
const BRIEF_CALM_MS = 1_000;
const LONG_CALM_MS = 10_000;
const LONG_CALM_IN_THOUSAND = 400;
const ALONE_IN_THOUSAND = 40;

export interface ScheduleOptions {
  readonly lanes: readonly (readonly Fault[])[];
  readonly crew: Crew;
  readonly seed: number;
  readonly until: number;
  readonly began: (kind: string) => void;
}

/** Inflicts faults until an instant, in each lane one after the other, as the seed decides; resolves when all are mended. */
export async function inflictAll(options: ScheduleOptions): Promise<Injury[]> {
  const injuries: Injury[] = [];
  await using locks = new LockClient(memoryBackend());
  // Faults go on side by side, but for those that want to be alone.
  const { read, write } = locks.readWriteLock('peace');
  const lanes = options.lanes.filter((lane) => lane.length > 0);
  const running = lanes.map(async (lane, index) => {
    const chance = new Chance(options.seed + index);
    while (nowUs() < options.until) {
      await pause(calm(chance));
      const fault = next(lane, chance);
      await (fault.alone ? write : read).using(TTL_MS, Number.POSITIVE_INFINITY, async () => {
        if (nowUs() >= options.until) return;
        options.began(fault.kind);
        const from = nowUs();
        const marks = await fault.inflict(chance, options.crew);
        injuries.push({ kind: fault.kind, from, to: nowUs(), ...marks });
      });
    }
  });
  await Promise.all(running);
  return injuries;
}

/** What stops everything else is rare. */
function next(lane: readonly Fault[], chance: Chance): Fault {
  const alone = chance.inThousand(ALONE_IN_THOUSAND);
  const choices = lane.filter((fault) => (fault.alone ?? false) === alone);
  return chance.of(choices.length > 0 ? choices : lane);
}

function calm(chance: Chance): number {
  const long = chance.inThousand(LONG_CALM_IN_THOUSAND);
  return chance.between(0, long ? LONG_CALM_MS : BRIEF_CALM_MS);
}
