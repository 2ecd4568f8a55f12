/** What follows the full key of a record in the names of its own inboxes. */
export const INBOXES_OF_KEY = ':inbox:';

/**
 * Where a lock's data lives. All keys of one name share the hash tag `{name}`, so they stay on one slot of a
 * cluster. Channel names are complete (ioredis adds its `keyPrefix` to keys of scripts by itself, and to channels
 * twice after a reconnect, see FAILURES row 26).
 */
export class Keys {
  readonly #keyPrefix: string;
  readonly #prefix: string;
  /**
   * What follows a full key in the name of the channel of its events. Channels are the same for all databases of a server, and
   * keys are not.
   */
  readonly eventsOfKey: string;

  /** `keyPrefix` is what ioredis puts before keys; `prefix` is ours; `database` is where the keys are. */
  constructor(keyPrefix: string, prefix: string, database = 0) {
    this.#keyPrefix = keyPrefix;
    this.#prefix = prefix;
    this.eventsOfKey = database === 0 ? ':events' : `:events:${database}`;
  }

  /** As handed to ioredis, which adds its `keyPrefix`. */
  record(name: string): string {
    return `${this.#prefix}:{${escapeBraces(name)}}`;
  }

  /** The channel on which a watched lock publishes its states. */
  events(name: string): string {
    return `${this.#keyPrefix}${this.record(name)}${this.eventsOfKey}`;
  }

  /** As handed to ioredis, which adds its `keyPrefix`. */
  counter(name: string): string {
    return `${this.record(name)}:counter`;
  }

  /** The channel on which a counter tells those who wait for 0. */
  counterEvents(name: string): string {
    return `${this.#keyPrefix}${this.counter(name)}${this.eventsOfKey}`;
  }

  /** What the channel names of all inboxes begin with, where one serves all names. */
  get inboxes(): string {
    return `${this.#keyPrefix}${this.#prefix}:inbox:`;
  }

  /** What the channel names of one lock's inboxes begin with, where each lock has its own. */
  inboxesOf(name: string): string {
    return `${this.#keyPrefix}${this.record(name)}${INBOXES_OF_KEY}`;
  }

  /** The pattern of all full keys of records whose names match a glob, as SCAN takes it. */
  recordsMatching(glob: string): string {
    const before = `${this.#keyPrefix}${this.#prefix}`.replace(/[*?[\]\\^]/g, '\\$&');
    return `${before}:{${escapeBraces(glob)}}`;
  }

  /** The name whose record has this full key; undefined for a key that is not ours. */
  nameOf(key: string): string | undefined {
    const start = `${this.#keyPrefix}${this.#prefix}:{`;
    if (!key.startsWith(start) || !key.endsWith('}')) return undefined;
    return unescapeBraces(key.slice(start.length, -1));
  }
}

/**
 * A closing brace would end the hash tag early, and a name that begins with one would have none, so that its keys
 * would land on different slots.
 */
function escapeBraces(name: string): string {
  if (!name.includes('}') && !name.includes('%')) return name;
  return name.replace(/[%}]/g, (character) => (character === '%' ? '%25' : '%7D'));
}

function unescapeBraces(escaped: string): string {
  return escaped.replaceAll('%7D', '}').replaceAll('%25', '%');
}
