import type { IKeyValue } from 'etcd3';
import type { Ask } from './link.ts';
import { type Place, readPlace, rewrite } from './protocol.ts';

interface Reattachment {
  readonly ask: Ask;
  /** What the key says from then on. */
  readonly valueFor: (key: IKeyValue) => Buffer;
}

/** Moves a key to another lease; it keeps its create revision. False when it is not there any more. */
export async function reattach(
  place: Place,
  leaseId: string,
  { ask, valueFor }: Reattachment,
): Promise<boolean> {
  for (;;) {
    const { key } = await ask(readPlace(place));
    if (!key) return false;
    // Compared with what was just read: an earlier attempt that is carried out late must not undo a later one.
    if (key.lease === leaseId || (await ask(rewrite(key, valueFor(key), leaseId)))) return true;
  }
}
