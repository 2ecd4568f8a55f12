import { Bench, type Settings } from './bench.ts';
import type { Contestant } from './contestants/contestant.ts';
import { Crews } from './crew/crews.ts';
import { type Progress, startProgress } from './progress.ts';
import { BenchServer } from './server.ts';

/** Starts a server, lets `work` measure, and ends all that was started, whatever happens. */
export async function onStage<T>(
  settings: Settings,
  contestants: readonly Contestant[],
  work: (bench: Bench) => Promise<T>,
): Promise<T> {
  const progress = startProgress();
  const forget = leaveOnSignals(progress);
  const server = await BenchServer.start(settings);
  const crews = new Crews(server.url, server.processors?.clients);
  try {
    return await work(new Bench({ server, crews, settings, contestants, progress }));
  } finally {
    progress.stop();
    await crews.close();
    await server.stop();
    forget();
  }
}

/** A process that exits takes its children and servers with it; the test kit sees to that. */
function leaveOnSignals(progress: Progress): () => void {
  const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  const leave = (signal: keyof typeof signals): void => {
    progress.stop();
    process.exit(signals[signal]);
  };
  const names = Object.keys(signals) as (keyof typeof signals)[];
  for (const name of names) process.on(name, leave);
  return () => {
    for (const name of names) process.off(name, leave);
  };
}
