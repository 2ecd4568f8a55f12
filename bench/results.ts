import type { Failure } from './bench.ts';
import type { Processors } from './measure/processors.ts';
import type { CrashResult } from './scenarios/crash.ts';
import type { CrowdResult } from './scenarios/crowd.ts';
import type { HandoffResult } from './scenarios/handoff.ts';
import type { LimitResult } from './scenarios/limit.ts';
import type { ManyNamesResult } from './scenarios/many-names.ts';
import type { UncontendedResult } from './scenarios/uncontended.ts';
import type { WaitingRoomResult } from './scenarios/waiting-room.ts';

/** What each scenario gives, by the name that the command line knows it by. */
export interface ScenarioResults {
  limit: LimitResult;
  uncontended: UncontendedResult;
  handoff: HandoffResult;
  'waiting-room': WaitingRoomResult;
  crowd: CrowdResult;
  'many-names': ManyNamesResult;
  crash: CrashResult;
}

export type ScenarioName = keyof ScenarioResults;

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly redis: string;
  /** How the server was started: the binary or a container. */
  readonly redisRunsAs: string;
  /** Who is bound to which processors; null when all may move. */
  readonly processors: Processors | null;
}

/** A budget of the design, and whether this run met it. */
export interface BudgetLine {
  readonly budget: string;
  readonly relation: '≤' | '≥' | '=';
  readonly limit: number;
  /** Null when it was not measured, or could not be. */
  readonly value: number | null;
  readonly met: boolean;
}

/** One run. In JSON, what is not a number is null. */
export interface Results {
  readonly date: string;
  readonly machine: Machine;
  readonly rounds: number;
  readonly quick: boolean;
  /** All in all. */
  readonly seconds: number;
  readonly contestants: readonly {
    readonly id: string;
    readonly version: string | null;
    readonly note: string;
  }[];
  /** Packages that are not contestants themselves. */
  readonly packages: Readonly<Record<string, string>>;
  readonly budgets: readonly BudgetLine[];
  readonly scenarios: Partial<ScenarioResults>;
  readonly failures: readonly Failure[];
}
