import type { Way } from '../connect.ts';
import type { Fault } from '../fault.ts';

/** The servers of one engine, and all that can go wrong with them and on the way to them. */
export interface Arena {
  wayOf(client: number): Way;
  /** What these servers are, with their version. */
  readonly servers: string;
  /** How a client that meets no faults reaches them. */
  readonly clearWay: Way;
  /** Of each of these one at a time: faults that would get in each other's way are together. */
  readonly lanes: readonly (readonly Fault[])[];
  /** What is there that ought not to be, in words, once nobody uses a lock any more. */
  leftovers(): Promise<string[]>;
  stop(): Promise<void>;
}
