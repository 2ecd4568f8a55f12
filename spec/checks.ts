/** One search of a model. */
export interface Check {
  readonly model: 'handoff' | 'quorum';
  readonly what: string;
  /** What the model is told at its compilation. */
  readonly defines: readonly string[];
  /** For cycles in which nobody ever gets the lock, instead of states that must not be. */
  readonly cycles: boolean;
  /** A rule is taken out, so that this must go wrong, in the words of spin. */
  readonly refutedBy?: string;
}

function sound(model: Check['model'], what: string, ...defines: string[]): Check {
  return { model, what, defines, cycles: defines.includes('LIVELOCK') };
}

/** Two who believe in it, a fence that does not rise, and so on: parts of what spin prints. */
const TWO_HOLD = 'belief[other]==0';
const STALE_FENCE = '>lastBelief';
const STUCK = 'invalid end state';
const UNTOLD = 'faults>0';

function seeded(
  model: Check['model'],
  bug: string,
  refutedBy: string,
  what: string,
  ...defines: string[]
): Check {
  return { ...sound(model, what, `BUG_${bug}`, ...defines), refutedBy };
}

const ONE_EACH = ['ATTEMPTS=1', 'FAULTS=1'];
const MANY_CLIENTS = ['CLIENTS=3', 'ATTEMPTS=1', 'FAULTS=0', 'TIMELESS'];
const TWO_SERVERS_FOR_EVER = ['LIVELOCK', 'SERVERS=2', 'FAULTS=0'];

/** Every model as it is, with as much room as an exhaustive search has within seconds, and with each rule taken out in turn. */
export const CHECKS: readonly Check[] = [
  sound('handoff', 'three clients, no fault', 'FAULTS=0'),
  sound('handoff', 'three clients, any two faults', 'FAULTS=2'),
  sound('handoff', 'two clients that come twice, any two faults', 'CLIENTS=2', 'ATTEMPTS=2', 'FAULTS=2'),
  seeded('handoff', 'NO_POKE', STUCK, 'no poke', 'FAULTS=1'),
  seeded('handoff', 'LATE_SUBSCRIPTION', UNTOLD, 'subscribed after the enqueue', 'FAULTS=1'),
  seeded('handoff', 'SILENT_HANDOFF', UNTOLD, 'nobody is told of a handoff', 'FAULTS=1'),
  seeded('handoff', 'STALE_GRANT', TWO_HOLD, 'a message counts however old it is', 'FAULTS=1'),
  seeded('handoff', 'EARLY_END', TWO_HOLD, 'the deadline is later than the end on the server', 'FAULTS=1'),
  seeded('handoff', 'FOREIGN_RELEASE', TWO_HOLD, 'a release does not compare owners', 'FAULTS=1'),
  seeded('handoff', 'KEEPS_LEASE', UNTOLD, 'a grant that crosses a timeout is not passed on', 'FAULTS=1'),
  seeded(
    'handoff',
    'FORGETS_ITS_LEASE',
    TWO_HOLD,
    'a message that comes twice is a grant for nobody',
    'FAULTS=1',
  ),
  seeded('handoff', 'BARGING', 'q_len(line)==0', 'a newcomer takes a free lock with a line', 'FAULTS=1'),
  seeded('handoff', 'FENCE_STAYS', STALE_FENCE, 'a handoff keeps the fence', 'FAULTS=1'),
  seeded('handoff', 'REFRESH_RECREATES', TWO_HOLD, 'a refresh recreates a lost lease', 'FAULTS=1'),
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
  seeded('quorum', 'MINORITY', STALE_FENCE, 'half of the servers are enough', ...ONE_EACH),
  seeded('quorum', 'ADOPTS_HELD', TWO_HOLD, 'a server votes although somebody else has it', ...ONE_EACH),
  seeded('quorum', 'ADOPTS_ANY_FENCE', STALE_FENCE, 'a server votes for a fence below its own', ...ONE_EACH),
  seeded('quorum', 'MIXED_FENCES', STALE_FENCE, 'votes for another fence count', ...MANY_CLIENTS),
  seeded('quorum', 'LATE_BELIEF', STALE_FENCE, 'votes count after the deadline', ...ONE_EACH),
  seeded(
    'quorum',
    'EARLY_END',
    STALE_FENCE,
    'the deadline is later than the ends on the servers',
    ...ONE_EACH,
  ),
  seeded('quorum', 'FORGETS_AT_ONCE', TWO_HOLD, 'a server without its data votes at once', ...ONE_EACH),
  seeded(
    'quorum',
    'FENCE_RESTARTS',
    STALE_FENCE,
    'the fences of a server without its data start anew',
    ...ONE_EACH,
  ),
  seeded(
    'quorum',
    'BOTH_GIVE_WAY',
    'non-progress cycle',
    'of two in each other’s way both give way',
    ...TWO_SERVERS_FOR_EVER,
  ),
];
