import { LockBackendError } from '../errors.ts';

interface Dispossession<H> {
  /** Who holds some of the lock now. */
  look(): Promise<readonly H[]>;
  /** Ends the lease of one. False when it was not there any more. */
  take(holder: H): Promise<boolean>;
  /** Whether it is not tried again. */
  isOver(): boolean;
}

/**
 * Takes a lock from all who are seen to hold some of it. False when nobody does. Who is seen may have passed it on by the time it
 * is to be taken; then nothing was taken, and whoever holds it next is looked for.
 */
export async function dispossess<H>(
  lockName: string,
  { look, take, isOver }: Dispossession<H>,
): Promise<boolean> {
  for (;;) {
    const holders = await look();
    if (holders.length === 0) return false;
    const taken = await Promise.all(holders.map(take));
    if (taken.includes(true)) return true;
    if (isOver()) {
      const message = 'the lock was passed on each time before it could be taken from its holder';
      throw new LockBackendError(message, { reason: 'unavailable', retryable: true }, { lockName });
    }
  }
}
