/** One search of a model. */
export interface Check {
  readonly model: 'handoff' | 'quorum';
  readonly what: string;
  /** What the model is told at its compilation. */
  readonly defines: readonly string[];
  /** For cycles in which nobody ever gets the lock, instead of states that must not be. */
  readonly cycles: boolean;
  /** A rule is taken out, so that something must go wrong. */
  readonly bug: boolean;
}

function sound(model: Check['model'], what: string, ...defines: string[]): Check {
  return { model, what, defines, cycles: defines.includes('LIVELOCK'), bug: false };
}

function seeded(model: Check['model'], bug: string, what: string, ...defines: string[]): Check {
  return { ...sound(model, what, `BUG_${bug}`, ...defines), bug: true };
}

const ONE_EACH = ['ATTEMPTS=1', 'FAULTS=1'];
const MANY_CLIENTS = ['CLIENTS=3', 'ATTEMPTS=1', 'FAULTS=0', 'TIMELESS'];
const TWO_SERVERS_FOR_EVER = ['LIVELOCK', 'SERVERS=2', 'FAULTS=0'];

/** Every model as it is, with as much room as an exhaustive search has within seconds, and with each rule taken out in turn. */
export const CHECKS: readonly Check[] = [
  sound('handoff', 'three clients, no fault', 'FAULTS=0'),
  sound('handoff', 'three clients, any two faults', 'FAULTS=2'),
  sound('handoff', 'two clients that come twice, any two faults', 'CLIENTS=2', 'ATTEMPTS=2', 'FAULTS=2'),
  seeded('handoff', 'NO_POKE', 'no poke', 'FAULTS=1'),
  seeded('handoff', 'LATE_SUBSCRIPTION', 'subscribed after the enqueue', 'FAULTS=1'),
  seeded('handoff', 'SILENT_HANDOFF', 'nobody is told of a handoff', 'FAULTS=1'),
  seeded('handoff', 'STALE_GRANT', 'a message counts however old it is', 'FAULTS=1'),
  seeded('handoff', 'EARLY_END', 'the deadline is later than the end on the server', 'FAULTS=1'),
  seeded('handoff', 'FOREIGN_RELEASE', 'a release does not compare owners', 'FAULTS=1'),
  seeded('handoff', 'KEEPS_LEASE', 'a grant that crosses a timeout is not passed on', 'FAULTS=1'),
  seeded('handoff', 'FORGETS_ITS_LEASE', 'a message that comes twice is a grant for nobody', 'FAULTS=1'),
  seeded('handoff', 'BARGING', 'a newcomer takes a free lock with a line', 'FAULTS=1'),
  seeded('handoff', 'FENCE_STAYS', 'a handoff keeps the fence', 'FAULTS=1'),
  seeded('handoff', 'REFRESH_RECREATES', 'a refresh recreates a lost lease', 'FAULTS=1'),
  sound('quorum', 'three servers, two clients, any fault', ...ONE_EACH),
  sound('quorum', 'two servers, two clients, any fault', 'SERVERS=2', ...ONE_EACH),
  sound('quorum', 'three servers, three clients, no time', ...MANY_CLIENTS),
  sound(
    'quorum',
    'three servers, two clients that come twice, no time',
    'ATTEMPTS=2',
    'FAULTS=0',
    'TIMELESS',
  ),
  sound('quorum', 'two servers, for ever', ...TWO_SERVERS_FOR_EVER),
  sound('quorum', 'three servers, for ever', 'LIVELOCK', 'SERVERS=3', 'FAULTS=0'),
  sound('quorum', 'four servers, for ever', 'LIVELOCK', 'SERVERS=4', 'FAULTS=0'),
  seeded('quorum', 'MINORITY', 'half of the servers are enough', ...ONE_EACH),
  seeded('quorum', 'ADOPTS_HELD', 'a server votes although somebody else has it', ...ONE_EACH),
  seeded('quorum', 'ADOPTS_ANY_FENCE', 'a server votes for a fence below its own', ...ONE_EACH),
  seeded('quorum', 'MIXED_FENCES', 'votes for another fence count', ...MANY_CLIENTS),
  seeded('quorum', 'LATE_BELIEF', 'votes count after the deadline', ...ONE_EACH),
  seeded('quorum', 'EARLY_END', 'the deadline is later than the ends on the servers', ...ONE_EACH),
  seeded('quorum', 'FORGETS_AT_ONCE', 'a server without its data votes at once', ...ONE_EACH),
  seeded('quorum', 'FENCE_RESTARTS', 'the fences of a server without its data start anew', ...ONE_EACH),
  seeded('quorum', 'BOTH_GIVE_WAY', 'of two in each other’s way both give way', ...TWO_SERVERS_FOR_EVER),
];
