/** What something is like at one moment. */
export interface Sample {
  /** Since the soak began. */
  readonly atMs: number;
  /** Of the client, after a collection of garbage. */
  readonly heapBytes: number;
  readonly redisBytes: number;
  /** How many locks the client has been granted so far. */
  readonly grants: number;
  /** All that has to be as often there at the end as at the start: `keys`, `listeners of redis: end`, `handles: Timeout`. */
  readonly counts: Counts;
}

export type Counts = Readonly<Record<string, number>>;

/** What the process that uses locks knows of itself. */
export type ClientSample = Pick<Sample, 'heapBytes' | 'grants' | 'counts'>;

/** What the server knows. */
export type ServerSample = Pick<Sample, 'redisBytes' | 'counts'>;

/** Everything that a soak has found. */
export interface SoakRun {
  readonly seed: number;
  readonly minutes: number;
  /** At rest, after a while of everything. */
  readonly start: Sample;
  /** While everything is going on. */
  readonly busy: readonly Sample[];
  /** At rest again. */
  readonly end: Sample;
  /** The first of the keys that were there at the end. */
  readonly leftKeys: readonly string[];
  /** After the client was closed: what of it is left. */
  readonly closed: Counts;
  /** How often each thing has happened to the client. */
  readonly ends: Counts;
  readonly kills: Counts;
  /** How many names have been in use. */
  readonly names: number;
}
