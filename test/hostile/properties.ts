import type fc from 'fast-check';
import { argumentProperty } from './argument-property.ts';
import { nameProperty } from './name-property.ts';
import { redlockProperty, replyProperty } from './reply-property.ts';
import { urlProperty } from './url-property.ts';
import { isOfIoredis, wireProperty } from './wire-property.ts';

/** What is held to be true of all input, however hostile. */
export interface Property {
  readonly title: string;
  /** How many cases of it `npm test` looks at. */
  readonly cases: number;
  /** `check` throws when something was left behind, to be called at the end of each case. */
  make(check: () => Promise<void>): fc.IAsyncProperty<unknown>;
  /** What is thrown where only a dependency could have caught it, or what does not end in one. */
  isForeign?(error: unknown): boolean;
}

export const PROPERTIES: readonly Property[] = [
  {
    title: 'arguments: accepted in bounds, or refused before anything is sent',
    cases: 10_000,
    make: argumentProperty,
  },
  { title: 'names: each has keys of its own, all with the prefix', cases: 2_000, make: nameProperty },
  { title: 'URLs: a backend, or refused without telling a password', cases: 1_000, make: urlProperty },
  {
    title: 'replies of one server: an end in time, a sane result or an error of ours',
    cases: 5_800,
    make: replyProperty,
  },
  { title: 'replies of three servers: the same', cases: 1_000, make: redlockProperty },
  { title: 'bytes on the wire: the same', cases: 200, make: wireProperty, isForeign: isOfIoredis },
];

/** Of all properties together, in `npm test`. */
export const CI_CASES = PROPERTIES.reduce((sum, { cases }) => sum + cases, 0);
