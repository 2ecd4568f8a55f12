import type { ClientHistory, Entry } from './history.ts';

/** One acquisition, put together from its entries. Instants in µs. */
export interface Acquisition {
  readonly client: number;
  readonly name: string;
  readonly asked: number;
  /** By when the acquire had to end; undefined where nothing but a grant could end it. */
  readonly due: number | undefined;
  /** When it ended, in a grant or without; undefined if the history does not tell. */
  ended: number | undefined;
  ending: string | undefined;
  grant: Lease | undefined;
}

/** A lease as its holder knew it. */
export interface Lease {
  readonly client: number;
  readonly asked: number;
  readonly granted: number;
  readonly fence: number;
  readonly by: string;
  /** Until when its holder believed in it, as far as the history tells. */
  until: number;
  /** Before its release. */
  releasing: number | undefined;
  released: number | undefined;
  how: string | undefined;
  fenced: boolean | undefined;
  unfenced: boolean | undefined;
}

// Of these there are millions: all their properties are there from the beginning, which takes a fraction of the memory.
const UNENDED = { ended: undefined, ending: undefined, grant: undefined };
const UNRELEASED = {
  ...{ releasing: undefined, released: undefined, how: undefined },
  ...{ fenced: undefined, unfenced: undefined },
};

/** What the history of one process tells. */
export interface Account {
  readonly client: number;
  readonly acquisitions: readonly Acquisition[];
  /** When it did nothing, from when to when. */
  readonly standstills: readonly (readonly [from: number, to: number])[];
  /** It came to its end by itself. */
  readonly finished: boolean;
}

/** Puts the entries of one process together. */
export function accountOf({ client, entries }: ClientHistory): Account {
  const all = new Map<number, Acquisition>();
  const standstills: [number, number][] = [];
  let finished = false;
  for (const entry of entries) {
    if (entry[0] === 'finished') finished = true;
    else if (entry[0] === 'stood still') standstills.push([entry[1], entry[2]]);
    else if (entry[0] === 'asked') {
      const [, id, name, asked, withinMs] = entry;
      const due = withinMs === null ? undefined : asked + withinMs * 1_000;
      all.set(id, { client, name, asked, due, ...UNENDED });
    } else {
      const acquisition = all.get(entry[1]);
      if (!acquisition) throw new Error(`nobody has asked: ${JSON.stringify(entry)}`);
      add(acquisition, entry);
    }
  }
  return { client, acquisitions: [...all.values()], standstills, finished };
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
    const { client, asked } = acquisition;
    acquisition.grant = { client, asked, granted, fence, by, until, ...UNRELEASED };
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
