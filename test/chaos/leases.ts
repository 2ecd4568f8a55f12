import type { ClientHistory, Entry } from './history.ts';

/** One acquisition, put together from its entries. Instants in µs. */
export interface Acquisition {
  readonly client: number;
  readonly name: string;
  readonly asked: number;
  /** By when the acquire had to end; undefined where nothing but a grant could end it. */
  readonly due: number | undefined;
  /** When it ended, in a grant or without; undefined if the history does not tell. */
  ended?: number;
  ending?: string;
  grant?: Lease;
}

/** A lease as its holder knew it. */
export interface Lease {
  readonly granted: number;
  readonly fence: number;
  readonly by: string;
  /** Until when its holder believed in it, as far as the history tells. */
  until: number;
  /** Before its release. */
  releasing?: number;
  released?: number;
  how?: string;
  fenced?: boolean;
  unfenced?: boolean;
}

/** Puts the entries of one process together. */
export function acquisitionsOf({ client, entries }: ClientHistory): Acquisition[] {
  const all = new Map<number, Acquisition>();
  for (const entry of entries) {
    if (entry[0] === 'finished' || entry[0] === 'stood still') continue;
    if (entry[0] === 'asked') {
      const [, id, name, asked, withinMs] = entry;
      all.set(id, { client, name, asked, due: withinMs === null ? undefined : asked + withinMs * 1_000 });
      continue;
    }
    const acquisition = all.get(entry[1]);
    if (!acquisition) throw new Error(`nobody has asked: ${JSON.stringify(entry)}`);
    add(acquisition, entry);
  }
  return [...all.values()];
}

function add(
  acquisition: Acquisition,
  entry: Exclude<Entry, readonly ['asked' | 'finished' | 'stood still', ...unknown[]]>,
): void {
  if (entry[0] === 'ended') {
    acquisition.ended = entry[2];
    acquisition.ending = entry[3];
    return;
  }
  if (entry[0] === 'granted') {
    const [, , granted, fence, until, by] = entry;
    acquisition.ended = granted;
    acquisition.grant = { granted, fence, by, until };
    return;
  }
  const lease = acquisition.grant;
  if (!lease) throw new Error(`nothing was granted: ${JSON.stringify(entry)}`);
  if (entry[0] === 'refreshed') lease.until = Math.max(lease.until, entry[3]);
  if (entry[0] === 'releasing') {
    const [, , at, valid, fenced, unfenced] = entry;
    // A lease in which its holder still believes has been his all the time.
    lease.until = valid ? at : Math.min(lease.until, at);
    Object.assign(lease, { releasing: at, fenced, unfenced });
  }
  if (entry[0] === 'released') Object.assign(lease, { released: entry[2], how: entry[3] });
}
