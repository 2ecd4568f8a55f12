import type { ClientSample, Counts } from './samples.ts';

/** What the client is told. */
export type ToClient = { readonly type: 'go' | 'rest' | 'sample' | 'close' };

/** What it answers. */
export type FromClient =
  | { readonly type: 'ready' | 'rested' }
  | { readonly type: 'sample'; readonly sample: ClientSample }
  | { readonly type: 'closed'; readonly left: Counts; readonly ends: Counts; readonly names: number };
