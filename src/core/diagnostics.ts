import { channel } from 'node:diagnostics_channel';
import type { Grant } from './backend.ts';

/**
 * What a waiter learned of its grant from: the answer to its first request, a message of whoever let go, or the answer to a
 * request that it made again, as a poke does.
 */
export type GrantSource = 'reply' | 'message' | 'poke';

const grants = channel('batonlock:grant');

/** Tells whoever listens to the diagnostics channel `batonlock:grant`; while nobody does it costs next to nothing. */
export function noteGrant({ name, owner }: Grant, by: GrantSource): void {
  if (grants.hasSubscribers) grants.publish({ name, owner, by });
}
