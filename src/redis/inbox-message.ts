import { isFence, TIME_DIGITS } from './outcome.ts';

/** What arrives on a client's inbox. */
export type InboxMessage =
  | {
      readonly kind: 'granted';
      readonly owner: string;
      readonly fencingToken: number;
      /** Server time of the grant, µs. */
      readonly grantedAtUs: number;
      /** Full key of the lock's record. */
      readonly key: string;
    }
  | { readonly kind: 'forced'; readonly owner: string };

const GRANTED = 'granted ';
const FORCED = 'forced ';

/**
 * `granted <owner> <fence> <server time, µs> <key>` or `forced <owner>`; undefined for a text that our scripts cannot
 * have sent. Everybody in line waits for this, so it looks at fixed places.
 */
export function parseInboxMessage(text: string): InboxMessage | undefined {
  if (text.startsWith(GRANTED)) {
    const ownerEnd = text.indexOf(' ', GRANTED.length);
    const timeStart = ownerEnd + TIME_DIGITS + 2;
    const keyStart = timeStart + TIME_DIGITS + 1;
    const fencingToken = Number(text.slice(ownerEnd + 1, timeStart - 1));
    const grantedAtUs = Number(text.slice(timeStart, keyStart - 1));
    const complete = ownerEnd > GRANTED.length && keyStart < text.length;
    if (!complete || !isFence(fencingToken) || !isFence(grantedAtUs)) return undefined;
    const owner = text.slice(GRANTED.length, ownerEnd);
    return { kind: 'granted', owner, fencingToken, grantedAtUs, key: text.slice(keyStart) };
  }
  if (text.startsWith(FORCED)) return { kind: 'forced', owner: text.slice(FORCED.length) };
  return undefined;
}
