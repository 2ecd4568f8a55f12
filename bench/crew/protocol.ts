import type { Percentiles } from '../measure/percentiles.ts';

/** What worker processes can be told to do: parameters and results of each task. Durations and instants in µs or ms by name. */
export interface Tasks {
  /** Connects, if that has not happened yet. */
  connect: { params: Record<string, never>; result: Record<string, never> };
  /** Acquire and release on names of their own, so many at a time. */
  drive: { params: DriveParams; result: DriveResult };
  /** Round trips of PING, one after the other, or with a pause before each. */
  ping: { params: { measureMs: number; pauseMs?: number }; result: Percentiles };
  /** A ring of processes that pass on a message by PUBLISH, after holding it for a while. */
  relay: { params: RelayParams; result: { hops: number[] } };
  /** Workers that want one lock again and again. */
  contend: { params: ContendParams; result: ContendResult };
  /** Waiters for a lock that somebody holds. Answers when all have asked. */
  park: {
    params: { name: string; waiters: number; ttlMs: number; waitMs: number };
    result: { cpuUs: number };
  };
  /** CPU time so far, and how many of the parked have failed. */
  look: { params: Record<string, never>; result: { cpuUs: number; failed: number; error: string | null } };
  /** Takes locks and leaves it at that. */
  grab: {
    params: { names: string[]; ttlMs: number; waitMs: number; apartMs: number };
    result: { grantedUs: number[] };
  };
  /** Joins a crowd in line for a lock. Answers when the server knows them all. */
  join: { params: CrowdParams; result: { heapBytesPerWaiter: number } };
  /** Lets the crowd pass on the lock, everybody lining up again, and tells what happened. */
  pass: { params: { startAtUs: number; untilUs: number }; result: PassResult };
  /** Waiters whose time is up all at once. */
  expire: { params: CrowdParams & { waitMs: number }; result: ExpireResult };
  /** Takes many locks and keeps them. */
  keep: { params: { prefix: string; count: number; ttlMs: number }; result: Record<string, never> };
  /** Watches itself for a while. */
  observe: { params: { ms: number }; result: ObserveResult };
  /** Consumers that count a batch down, and somebody who waits for the end of it. */
  count: { params: CountParams; result: CountResult };
  /** What an uncontended acquisition leaves behind in the process. */
  footprint: { params: { pairs: number }; result: FootprintResult };
}

export interface DriveParams {
  readonly prefix: string;
  readonly inFlight: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface DriveResult {
  readonly pairsPerSecond: number;
  /** CPU time of the process for each pair. */
  readonly cpuUs: number;
  readonly latency: Percentiles;
}

export interface RelayParams {
  readonly channel: string;
  readonly index: number;
  readonly processes: number;
  readonly holdMs: number;
  readonly startAtUs: number;
  readonly untilUs: number;
}

export interface ContendParams {
  readonly name: string;
  readonly workers: number;
  readonly holdMs: number;
  /** Longest time between a release and the next acquire; the actual one is uniform from 0. */
  readonly thinkMs: number;
  readonly startAtUs: number;
  readonly untilUs: number;
}

export interface ContendResult {
  readonly asked: number[];
  readonly granted: number[];
  readonly released: number[];
  readonly fences: number[];
  readonly cpuUs: number;
}

export interface CountParams {
  readonly name: string;
  readonly consumers: number;
  /** How many items each of them does. */
  readonly items: number;
  readonly ttlMs: number;
}

export interface CountResult {
  /** How many of the items were told to be the last one. */
  readonly lasts: number;
  /** When the last one was asked for, if it was here. */
  readonly lastAskedUs: number | null;
  /** When who waits was told. */
  readonly toldUs: number;
}

export interface CrowdParams {
  readonly name: string;
  readonly waiters: number;
}

export interface PassResult {
  readonly granted: number[];
  readonly released: number[];
}

export interface ExpireResult {
  /** By how much each came late, in µs. */
  readonly lateness: Percentiles;
  readonly granted: number;
  readonly loopDelayMaxMs: number;
}

export interface ObserveResult {
  readonly cpuUs: number;
  readonly elapsedUs: number;
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
}

export interface FootprintResult {
  readonly timers: number;
  readonly abortControllers: number;
}

export type TaskName = keyof Tasks;
export type ParamsOf<T extends TaskName> = Tasks[T]['params'];
export type ResultOf<T extends TaskName> = Tasks[T]['result'];

export interface Order<T extends TaskName = TaskName> {
  readonly type: 'order';
  readonly id: number;
  readonly task: T;
  readonly params: ParamsOf<T>;
}

/** An answer's type carries the order's number, so that answers can be told apart while several tasks run. */
export type Answer =
  | { readonly type: 'ready' }
  | { readonly type: `answer ${number}`; readonly error?: string; readonly result?: unknown };
