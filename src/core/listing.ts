import type { Holder, LockState } from './backend.ts';

/** One lease of a lock that was found by looking for locks. */
export interface ListedHolder extends Holder {
  /** How long ago it was granted, by the server's clock, in ms. */
  readonly heldFor: number;
}

/** A lock that was found by looking for locks. */
export interface ListedLock extends LockState {
  readonly holders: readonly ListedHolder[];
}

/** What an engine does that can say which locks there are. */
export interface LockListing {
  /**
   * The locks that somebody holds or waits for, each once, in pages and no order. `glob` is what their names match: `*` any
   * characters, `?` one, `[ab]` one of these, `\` before a character that is meant itself. What is taken or released meanwhile
   * may be among them or not. Rejects with `LockBackendError`.
   */
  list(glob: string): AsyncIterable<readonly ListedLock[]>;
  /** One lock, also when nobody holds it. Rejects likewise. */
  read(name: string): Promise<ListedLock>;
}
