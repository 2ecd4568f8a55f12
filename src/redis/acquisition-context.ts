import type { Grant } from '../core/backend.ts';
import type { Clock } from '../core/clock.ts';
import type { DeadlineQueue } from '../core/deadline-queue.ts';
import type { LockBackendError } from '../errors.ts';
import type { Acquisition } from './acquisition.ts';
import type { CommandLink } from './command-link.ts';
import type { Protocol } from './protocol.ts';
import type { Anchor, WaitingRoom } from './waiting-room.ts';

/** What an acquisition needs of the client it belongs to. */
export interface AcquisitionContext {
  readonly link: CommandLink;
  readonly protocol: Protocol;
  readonly clock: Clock;
  readonly deadlines: DeadlineQueue;
  findRoom(name: string): WaitingRoom | undefined;
  /** The server has given it a place in line, behind a lease that ends in `leftMs` from `now`, a local instant. */
  placed(acquisition: Acquisition, anchor: Anchor, leftMs: number, now: number): void;
  /** The server has forgotten the place it had in line. */
  placeLost(acquisition: Acquisition): void;
  /** Called before the first command after which a message may come. */
  expectMessage(acquisition: Acquisition): void;
  /** A try was refused; or `failure` has kept the server from answering, and may pass by itself. */
  refused(acquisition: Acquisition, failure?: LockBackendError): void;
  /** Called once, when the acquisition is granted, refused or has failed. */
  forget(acquisition: Acquisition): void;
  /** Its owner knows of a lease of which a message may yet come. */
  told(lease: Grant): void;
  /** The server may hold something for an acquisition that nobody waits for any more. */
  giveBack(acquisition: Acquisition): void;
}
