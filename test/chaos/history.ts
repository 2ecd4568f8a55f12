import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** What an acquisition that was granted nothing ended with: a code of an error, or that a try was refused. */
export type Ending = 'refused' | 'aborted' | string;

/**
 * One line of a client's history. Instants are µs of the machine's monotonic clock, which all its processes share. They are
 * taken outside of the calls: `asked` and `releasing` before, all others after.
 */
export type Entry =
  /** To be answered within `withinMs`, whatever happens; null: to be granted in the end. */
  | readonly ['asked', id: number, name: string, at: number, withinMs: number | null]
  /** To be believed in until `until`; `by` says what told of it. */
  | readonly ['granted', id: number, at: number, fence: number, until: number, by: string]
  | readonly ['refreshed', id: number, at: number, until: number]
  /** `valid`: whether it was still to be believed in; then what the register said to a write. */
  | readonly ['releasing', id: number, at: number, valid: boolean, fenced: boolean, unfenced: boolean]
  | readonly ['released', id: number, at: number, how: string]
  | readonly ['ended', id: number, at: number, how: Ending]
  /** Its event loop did nothing: stopped, stalled, or without a core to run on. */
  | readonly ['stood still', from: number, to: number]
  /** It has said all that it had to say. */
  | readonly ['finished', at: number];

/** A fault, from when to when. */
export interface Injury {
  readonly kind: string;
  readonly from: number;
  readonly to: number;
  /**
   * Leases may have been forgotten or taken away, those of one name or of all: of two that overlap across this neither is to
   * blame.
   */
  readonly forgets?: true | string;
  /** No notification reached anybody. */
  readonly deaf?: boolean;
}

/** What one run was, besides the histories of its clients. */
export interface Run {
  readonly engine: string;
  /** What kind of servers, and of which version. */
  readonly servers: string;
  readonly seed: number;
  readonly minutes: number;
  /** When the last fault had healed. */
  readonly healedAt: number;
  readonly injuries: readonly Injury[];
  /** What was left on the servers, in words. */
  readonly leftovers: readonly string[];
  /** Clients that ended although nobody had ended them. */
  readonly crashes: readonly string[];
  /** Per name, what the registers came to. */
  readonly registers: Readonly<Record<string, { fenced: number; unfenced: number }>>;
  /** The longest lease in use, in ms. */
  readonly longestTtlMs: number;
}

/** All that one process wrote. */
export interface ClientHistory {
  readonly client: number;
  readonly entries: Iterable<Entry>;
}

const RUN_FILE = 'run.json';
const LINE_END = '\n'.charCodeAt(0);
const CLIENT_FILE = /^client-(\d+)\.\d+\.log$/;

/** Where a client's process writes; `life` counts its processes. */
export function historyFile(folder: string, client: number, life: number): string {
  return join(folder, `client-${client}.${life}.log`);
}

/** Writes each entry at once, so that it outlives the process. */
export class HistoryWriter {
  readonly #file: number;

  constructor(file: string) {
    this.#file = openSync(file, 'a');
  }

  write(entry: Entry): void {
    writeSync(this.#file, `${JSON.stringify(entry)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

export function runFile(folder: string): string {
  return join(folder, RUN_FILE);
}

export function readRun(folder: string): Run {
  return JSON.parse(readFileSync(runFile(folder), 'utf8')) as Run;
}

/** Entries are read as they are asked for: those of a long run all together would not fit into memory. */
export function readHistories(folder: string): ClientHistory[] {
  return readdirSync(folder).flatMap((file) => {
    const client = CLIENT_FILE.exec(file)?.[1];
    if (client === undefined) return [];
    return [{ client: Number(client), entries: readEntries(join(folder, file)) }];
  });
}

function* readEntries(file: string): Generator<Entry> {
  const bytes = readFileSync(file);
  // What stands behind the last end of a line was being written when the process was killed.
  for (let from = 0, end = bytes.indexOf(LINE_END); end >= 0; end = bytes.indexOf(LINE_END, from)) {
    yield JSON.parse(bytes.toString('utf8', from, end)) as Entry;
    from = end + 1;
  }
}
