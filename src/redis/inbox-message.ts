/** What arrives on a client's inbox. */
export type InboxMessage =
  | {
      readonly kind: 'granted';
      readonly owner: string;
      readonly fencingToken: number;
      readonly ttlMs: number;
      /** Server time of the grant, µs. */
      readonly grantedAtUs: number;
      /** Full key of the lock's record. */
      readonly key: string;
    }
  | { readonly kind: 'forced'; readonly owner: string };

const GRANTED = /^granted (\S+) (\d+) (\d+) (\d+) (.+)$/s;
const FORCED = /^forced (\S+)$/;

/** Undefined for a text that our scripts cannot have sent. */
export function parseInboxMessage(text: string): InboxMessage | undefined {
  const granted = GRANTED.exec(text);
  if (granted) {
    const [, owner = '', fence, ttl, at, key = ''] = granted;
    return {
      kind: 'granted',
      owner,
      fencingToken: Number(fence),
      ttlMs: Number(ttl),
      grantedAtUs: Number(at),
      key,
    };
  }
  const owner = FORCED.exec(text)?.[1];
  return owner === undefined ? undefined : { kind: 'forced', owner };
}
