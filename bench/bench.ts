import type { Contestant } from './contestants/contestant.ts';
import type { Crews } from './crew/crews.ts';
import type { Progress } from './progress.ts';
import type { BenchServer } from './server.ts';

/** How much is measured. */
export interface Settings {
  readonly quick: boolean;
  readonly rounds: number;
  /** Factor on all durations that may be shorter when only a look is wanted. */
  readonly scale: number;
  /** Whether the server and its clients may move from processor to processor. */
  readonly floating?: boolean;
}

export const FULL: Settings = { quick: false, rounds: 5, scale: 1 };
export const QUICK: Settings = { quick: true, rounds: 2, scale: 0.5 };

/** Somebody could not finish something; it is in the report instead of a figure. */
export interface Failure {
  readonly scenario: string;
  readonly contestant: string;
  /** Which case of the scenario: "4 × 25, hold 1 ms". */
  readonly where: string;
  readonly error: string;
}

/** What every scenario works with. */
export class Bench {
  readonly server: BenchServer;
  readonly crews: Crews;
  readonly settings: Settings;
  /** Ours comes first. */
  readonly contestants: readonly Contestant[];
  readonly progress: Progress;
  readonly failures: Failure[] = [];

  constructor(parts: Pick<Bench, 'server' | 'crews' | 'settings' | 'contestants' | 'progress'>) {
    this.server = parts.server;
    this.crews = parts.crews;
    this.settings = parts.settings;
    this.contestants = parts.contestants;
    this.progress = parts.progress;
  }

  /** Ours, or who stands in for it. */
  get ours(): Contestant {
    const [first] = this.contestants;
    if (!first) throw new Error('nobody takes part');
    return first;
  }

  get others(): readonly Contestant[] {
    return this.contestants.slice(1);
  }

  scaled(ms: number): number {
    return ms * this.settings.scale;
  }

  /**
   * One step of a scenario. When it fails, that is noted, the contestant's processes are ended, and it is not
   * tried again at the same place.
   */
  async attempt<T>(
    contestant: Contestant,
    scenario: string,
    where: string,
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    this.progress.step(`${scenario}: ${where}, ${contestant.id}`);
    if (this.#hasFailed(contestant, scenario, where)) return undefined;
    try {
      return await work();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.failures.push({ scenario, contestant: contestant.id, where, error: text });
      await this.crews.discard(contestant);
      // What it has left would be in the way of those who come after it.
      await this.server.flush();
      return undefined;
    }
  }

  #hasFailed(contestant: Contestant, scenario: string, where: string): boolean {
    return this.failures.some(
      (failure) =>
        failure.contestant === contestant.id && failure.scenario === scenario && failure.where === where,
    );
  }
}
