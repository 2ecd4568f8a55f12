import type { ClientHistory, Injury, Run } from './history.ts';
import { type Account, type Acquisition, accountOf, type Lease } from './leases.ts';

/** One promise, what was looked at, and each case in which it was broken. */
export interface Finding {
  readonly promise: string;
  readonly checked: number;
  readonly broken: readonly string[];
}

export interface Verdict {
  readonly findings: readonly Finding[];
  /** What is worth knowing, and nothing to judge by. */
  readonly counts: Readonly<Record<string, number>>;
}

/** How late a timeout may be, in µs. */
const GRACE_US = 250_000;
/** As often as a process went on after a timeout, its event loop looked at its timers; two have been seen at most. */
const MOST_TURNS = 4;
/** A poke is up to 50 ms late by intention; the rest is what every answer may take. */
const RESCUE_GRACE_US = 500_000;

/** Holds the histories of a run against what the library promises. */
export function judge(run: Run, histories: readonly ClientHistory[]): Verdict {
  const accounts = histories.map(accountOf);
  const acquisitions = accounts.flatMap((account) => account.acquisitions);
  const byName = new Map<string, Lease[]>();
  for (const { name, grant } of acquisitions) {
    if (!grant) continue;
    const held = byName.get(name) ?? [];
    byName.set(name, held);
    held.push(grant);
  }
  for (const held of byName.values()) held.sort((a, b) => a.granted - b.granted);
  const injuries = run.injuries;
  return {
    findings: [
      ...exclusion(byName, injuries),
      registers(run, byName),
      timeliness(accounts),
      settlement(accounts, run),
      recovery(accounts, run),
      progress(byName, run),
      simple('nothing is left on the servers', run.leftovers),
      simple('no client ends before it is told to', run.crashes),
    ],
    counts: counts(acquisitions, run, byName),
  };
}

/** Neighbours in time; a lease that had ended before its holder heard of it was nobody's. */
function exclusion(byName: ReadonlyMap<string, readonly Lease[]>, injuries: readonly Injury[]): Finding[] {
  const overlaps: string[] = [];
  const fallen: string[] = [];
  let pairs = 0;
  for (const [name, all] of byName) {
    const held = all.filter(({ granted, until }) => until > granted);
    let last: Lease | undefined;
    for (const next of held) {
      if (last) {
        pairs += 1;
        const overlap = next.granted < last.until;
        const fall = next.fence <= last.fence;
        // Looked for only where there is something to excuse: there are many faults, and far more pairs.
        const excused =
          (overlap || fall) && forgotten(name, Math.min(last.asked, next.asked), next.granted, injuries);
        if (overlap && !excused) overlaps.push(pairOf(name, last, next));
        if (fall && !excused) fallen.push(pairOf(name, last, next));
      }
      if (!last || next.until > last.until || next.fence > last.fence) last = next;
    }
    for (const [earlier, later] of fallenFences(held)) fallen.push(pairOf(name, earlier, later));
  }
  return [
    { promise: 'no two leases of a name overlap', checked: pairs, broken: overlaps },
    { promise: 'fences rise with every grant', checked: pairs, broken: fallen },
  ];
}

/**
 * Whoever asks after a grant was heard of gets a higher fence, whatever was forgotten in between. Of others, one may have heard
 * late of what was granted first.
 */
function fallenFences(held: readonly Lease[]): [Lease, Lease][] {
  const found: [Lease, Lease][] = [];
  let heard = 0;
  let highest: Lease | undefined;
  for (const next of held.toSorted((a, b) => a.asked - b.asked)) {
    for (let each = held[heard]; each && each.granted < next.asked; each = held[++heard]) {
      if (!highest || each.fence > highest.fence) highest = each;
    }
    if (highest && next.fence <= highest.fence) found.push([highest, next]);
  }
  return found;
}

function pairOf(name: string, one: Lease, other: Lease): string {
  return (
    `${name}: fence ${one.fence} of client ${one.client} until ${one.until}, ` +
    `fence ${other.fence} of client ${other.client}, asked ${other.asked}, granted ${other.granted}`
  );
}

/** From when the first of the two had asked, as a grant may be heard of late. */
function forgotten(name: string, from: number, to: number, injuries: readonly Injury[]): boolean {
  return injuries.some(
    ({ forgets, ...injury }) =>
      (forgets === true || forgets === name) && injury.from <= to && injury.to >= from,
  );
}

/** Whoever was killed may have written without saying so. */
function registers(run: Run, byName: ReadonlyMap<string, readonly Lease[]>): Finding {
  const broken: string[] = [];
  let checked = 0;
  for (const [name, held] of byName) {
    const acknowledged = held.filter(({ fenced }) => fenced).length;
    const unknown = held.filter(
      ({ releasing, how }) => releasing === undefined && how !== 'abandoned',
    ).length;
    const value = run.registers[name]?.fenced ?? 0;
    checked += acknowledged;
    if (value < acknowledged || value > acknowledged + unknown) {
      broken.push(`${name}: ${value} after ${acknowledged} acknowledged writes and ${unknown} unknown ones`);
    }
  }
  return { promise: 'the fenced registers lose no update', checked, broken };
}

/** A process that stands still cannot be in time: what counts is for how long, and how often, it ran after the timeout. */
function timeliness(accounts: readonly Account[]): Finding {
  const broken: string[] = [];
  let checked = 0;
  for (const { acquisitions, standstills } of accounts) {
    for (const { client, name, due, ended, ending } of acquisitions) {
      if (due === undefined || ended === undefined) continue;
      checked += 1;
      if (ended <= due + GRACE_US) continue;
      const still = standstills.map(([from, to]) => Math.max(0, Math.min(to, ended) - Math.max(from, due)));
      const ran = ended - due - still.reduce((sum, each) => sum + each, 0);
      const turns = standstills.filter(([, to]) => to > due && to < ended).length;
      if (ran <= GRACE_US && turns <= MOST_TURNS) continue;
      broken.push(
        `${name}: client ${client} had to know by ${due}, and knew at ${ended}, ` +
          `having run for ${Math.round(ran / 1_000)} ms in ${turns + 1} turns: ${ending ?? 'granted'}`,
      );
    }
  }
  return { promise: 'every wait ends within its timeout + 250 ms', checked, broken };
}

/** Of a process that lived to the end nothing may be left open. */
function settlement(accounts: readonly Account[], run: Run): Finding {
  const broken: string[] = [];
  let checked = 0;
  for (const { acquisitions, finished } of accounts) {
    if (!finished) continue;
    for (const { client, name, asked, ended, grant } of acquisitions) {
      checked += 1;
      if (ended === undefined)
        broken.push(`${name}: asked by client ${client} at ${asked}, and never answered`);
      else if (grant && grant.released === undefined)
        broken.push(`${name}: fence ${grant.fence} never released`);
    }
  }
  if (checked === 0) broken.push(`no client has finished (${run.engine})`);
  return { promise: 'every acquire and every release is answered', checked, broken };
}

/** Everybody has had a lock since the last fault was mended. */
function recovery(accounts: readonly Account[], { healedAt }: Run): Finding {
  const clients = new Set(accounts.map(({ client }) => client));
  for (const { client, acquisitions } of accounts) {
    if (acquisitions.some(({ grant }) => grant && grant.granted > healedAt)) clients.delete(client);
  }
  const broken = [...clients].map((client) => `client ${client} has had none`);
  const checked = new Set(accounts.map(({ client }) => client)).size;
  return { promise: 'everybody gets locks after the last fault', checked, broken };
}

/** Without any notification there is a grant of one lock or another within a lease. */
function progress(byName: ReadonlyMap<string, readonly Lease[]>, run: Run): Finding {
  const broken: string[] = [];
  let checked = 0;
  const longestUs = run.longestTtlMs * 1_000 + RESCUE_GRACE_US;
  const instants = [...byName.values()].flat().map(({ granted }) => granted);
  instants.sort((a, b) => a - b);
  for (const { from, to } of run.injuries.filter(({ deaf }) => deaf)) {
    const within = instants.filter((instant) => instant > from && instant < to);
    checked += within.length;
    for (const [index, instant] of [...within, to].entries()) {
      const idle = instant - (within[index - 1] ?? from);
      if (idle > longestUs)
        broken.push(`nobody was granted anything for ${Math.round(idle / 1_000)} ms before ${instant}`);
    }
  }
  return { promise: 'without notifications locks are granted within a lease', checked, broken };
}

/** For how long a lock that somebody waited for was nobody's, without any notification. In µs; 0 if there was no such time. */
function longestIdle(byName: ReadonlyMap<string, readonly Lease[]>, run: Run): number {
  let longest = 0;
  for (const { from, to } of run.injuries.filter(({ deaf }) => deaf)) {
    for (const held of byName.values()) {
      let last = from;
      for (const { granted, asked, releasing, until } of held) {
        if (granted > to) break;
        longest = Math.max(longest, granted - Math.max(last, asked));
        last = Math.max(last, releasing ?? until);
      }
    }
  }
  return longest;
}

function simple(promise: string, broken: readonly string[]): Finding {
  return { promise, checked: 1, broken };
}

function counts(
  acquisitions: readonly Acquisition[],
  run: Run,
  byName: ReadonlyMap<string, readonly Lease[]>,
): Record<string, number> {
  const leases = [...byName.values()].flat();
  const by = (what: string) => leases.filter((lease) => lease.by === what).length;
  const ended = (code: string) => acquisitions.filter(({ ending }) => ending === code).length;
  let lost = 0;
  for (const [name, held] of byName) {
    const written = held.filter(({ unfenced }) => unfenced).length;
    lost += Math.max(0, written - (run.registers[name]?.unfenced ?? 0));
  }
  return {
    acquisitions: leases.length,
    ...(leases.some((lease) => lease.by !== '') && {
      'granted by the first reply': by('reply'),
      'handed over by a message': by('handoff'),
      'rescued by a poke': by('poke'),
      'found by asking again after a link was cut': by('reconnect'),
    }),
    'timed out': ended('ERR_LOCK_TIMEOUT'),
    'told that a server is not to be used': ended('ERR_LOCK_BACKEND') + ended('ERR_LOCK_QUORUM'),
    'leases lost': leases.filter(({ how }) => how === 'ERR_LOCK_LOST').length,
    'writes that the fenced registers refused': leases.filter(({ fenced }) => fenced === false).length,
    'updates that the unfenced registers lost': lost,
    ...(run.injuries.some(({ deaf }) => deaf) && {
      'longest time a lock was nobody’s without notifications, ms': Math.round(
        longestIdle(byName, run) / 1_000,
      ),
    }),
    faults: run.injuries.length,
    'kinds of faults': new Set(run.injuries.map(({ kind }) => kind)).size,
  };
}
