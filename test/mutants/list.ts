/** One rule of the protocol taken out, and where that must show. */
export interface Mutant {
  readonly what: string;
  /** In `src`. */
  readonly file: string;
  /** Stands there once. */
  readonly code: string;
  readonly instead: string;
  /** Test files, in `test`, of which one at least must fail. */
  readonly tests: readonly string[];
}

const RELEASE = 'redis/scripts/release.ts';
const ACQUIRE = 'redis/scripts/acquire.ts';
const FRAGMENTS = 'redis/scripts/fragments.ts';
const MODEL = 'model/model.test.ts';
const OWNERSHIP = 'faults/ownership.test.ts';
const WAKEUPS = 'faults/wakeups.test.ts';
const KEYS = 'backends/redis-keys.test.ts';
const CLOCK_STEPS = 'faults/clock-steps.test.ts';
const UNKNOWN = 'faults/unknown-outcomes.test.ts';

export const MUTANTS: readonly Mutant[] = [
  {
    what: 'a release does not compare owners',
    file: RELEASE,
    code: 'if record and string.sub(record, 32) == owner then',
    instead: 'if record and #record > 31 then',
    tests: [OWNERSHIP, MODEL],
  },
  {
    what: 'who leaves stays in the queue',
    file: RELEASE,
    code: "then return redis.call('ZREM', KEYS[2], owner) end",
    instead: 'then return 0 end',
    tests: [MODEL],
  },
  {
    what: 'a release by force tells nobody',
    file: RELEASE,
    code: "redis.pcall('SPUBLISH', inboxes .. string.match(holder, '^[^:]*'), 'forced ' .. holder)",
    instead: '',
    tests: ['faults/forced.test.ts', 'conformance/conformance.test.ts'],
  },
  {
    what: 'a lock is not released when the server is out of memory',
    file: RELEASE,
    code: "if redis.pcall('SET', KEYS[1], free, 'PX', retentionText).err then",
    instead: "if redis.call('SET', KEYS[1], free, 'PX', retentionText).err then",
    tests: [KEYS],
  },
  {
    what: 'a waiter whom one may not tell loses its place',
    file: FRAGMENTS,
    code: "redis.call('ZADD', KEYS[2], head[2], owner)",
    instead: '',
    tests: [WAKEUPS],
  },
  {
    what: 'a handoff goes to who does not listen',
    file: FRAGMENTS,
    code: 'if told > 0 then return owner end',
    instead: 'return owner',
    tests: [WAKEUPS],
  },
  {
    what: 'a fence may be that of the grant before',
    file: FRAGMENTS,
    code: 'nextFence = fence + 1',
    instead: 'nextFence = fence',
    tests: [KEYS],
  },
  {
    what: 'a record has no TTL',
    file: FRAGMENTS,
    code: "redis.call('SET', KEYS[1], text, 'PX', life)",
    instead: "redis.call('SET', KEYS[1], text)",
    tests: [KEYS],
  },
  {
    what: 'foreign values are taken for records',
    file: FRAGMENTS,
    code: 'local known = fence and fence >= 1e15',
    instead: 'local known = true',
    tests: [KEYS],
  },
  {
    what: 'an acquire of who holds it already is queued',
    file: ACQUIRE,
    code: 'if leaseEnd <= ms or holder ~= owner then',
    instead: "if holder == owner then holder = 'somebody' end if true then",
    tests: [UNKNOWN],
  },
  {
    what: 'a lease never ends',
    file: ACQUIRE,
    code: 'local taker = leaseEnd > ms and holder',
    instead: "local taker = holder ~= '-' and holder",
    tests: [MODEL],
  },
  {
    what: 'a try gets in line',
    file: ACQUIRE,
    code: "if mode == 'try' then return false end",
    instead: "if mode == 'try' then redis.call('ZADD', KEYS[2], us, owner) return false end",
    tests: [MODEL],
  },
  {
    what: 'a queue has no TTL',
    file: ACQUIRE,
    code: "redis.call('PEXPIRE', KEYS[2], queueTtl)",
    instead: '',
    tests: [KEYS],
  },
  {
    what: 'nobody marks that there is a line',
    file: ACQUIRE,
    code: "if mark == ' ' then redis.call('SETRANGE', KEYS[1], 16, 'q') end",
    instead: '',
    tests: [KEYS],
  },
  {
    what: 'a newcomer may be before who came earlier',
    file: ACQUIRE,
    code: 'local arrival = place or math.max(us, (tonumber(last[2]) or 0) + 1)',
    instead: 'local arrival = place or us - (tonumber(last[2]) or 0)',
    tests: [MODEL],
  },
  {
    what: 'a refresh recreates a lost lease',
    file: 'redis/scripts/refresh.ts',
    code: 'if holder ~= owner or leaseEnd <= ms then return 0 end',
    instead: 'holder = owner',
    tests: [OWNERSHIP],
  },
  {
    what: 'a message counts however old it is',
    file: 'redis/acquisition.ts',
    code: 'if (grantedAt > now + tolerance || deadline <= now) void this.askAgain();',
    instead: 'if (grantedAt > now + tolerance) void this.askAgain();',
    tests: [UNKNOWN],
  },
  {
    what: 'a message of the future counts',
    file: 'redis/acquisition.ts',
    code: 'if (grantedAt > now + tolerance || deadline <= now) void this.askAgain();',
    instead: 'if (deadline <= now) void this.askAgain();',
    tests: [CLOCK_STEPS],
  },
  {
    what: 'a lease has as much left as the server says, however long it is',
    file: ACQUIRE,
    code: 'Math.min(Number(left), ttlMs)',
    instead: 'Number(left)',
    tests: [CLOCK_STEPS],
  },
  {
    what: 'who crashed has its lease for as long as the clock was set back',
    file: ACQUIRE,
    code: 'if length and leaseEnd - ms > length then',
    instead: 'if false then',
    tests: [CLOCK_STEPS],
  },
  {
    what: 'nobody marks that a lease was refreshed for longer',
    file: 'redis/scripts/refresh.ts',
    code: "redis.call('SETRANGE', KEYS[1], 30, '+')",
    instead: '',
    tests: [CLOCK_STEPS],
  },
  {
    what: 'each connection warns of a server that evicts keys',
    file: 'redis/eviction.ts',
    code: 'warned.add(server);',
    instead: '',
    tests: ['faults/eviction.test.ts'],
  },
  {
    what: 'the validity counts from the answer',
    file: 'redis/acquisition.ts',
    code: 'const deadline = sentAt + leftMs - driftMs(this.request.ttlMs);',
    instead:
      'const deadline = this.#context.clock.now() + leftMs - driftMs(this.request.ttlMs) + 0 * sentAt;',
    tests: [UNKNOWN],
  },
  {
    what: 'a grant for nobody is kept',
    file: 'redis/backend.ts',
    code: 'if (name !== undefined && !this.#leases.has(message.owner)) this.#line.chase(name, message.owner);',
    instead: 'void name;',
    tests: [WAKEUPS],
  },
  {
    what: 'who gave up is not given back',
    file: 'redis/waiting-line.ts',
    code: "if (outcome === 'failed' && acquisition.asked) this.giveBack(acquisition);",
    instead: 'void outcome;',
    tests: [MODEL],
  },
  {
    what: 'nobody asks again when the subscriber is back',
    file: 'redis/waiting-line.ts',
    code: 'if (acquisition.queues) void acquisition.askAgain();',
    instead: '',
    tests: [WAKEUPS],
  },
  {
    what: 'nobody pokes',
    file: 'redis/waiting-room.ts',
    code: 'void first?.askAgain();',
    instead: 'void first;',
    tests: [WAKEUPS, MODEL],
  },
  {
    what: 'the inbox is opened without waiting for it',
    file: 'redis/door.ts',
    code: '() => this.#empty((acquisition) => acquisition.ask()),',
    instead: '() => {},',
    tests: [WAKEUPS],
  },
  {
    what: 'a resent release that finds nothing is a loss',
    file: 'redis/release.ts',
    code: 'const released = outcome === 1 || outcome === 3 || repeated;',
    instead: 'const released = outcome === 1 || outcome === 3 || (repeated && outcome === 1);',
    tests: [UNKNOWN],
  },
  {
    what: 'a script that the server has forgotten is not sent anew',
    file: 'redis/dispatcher.ts',
    code: "error.message.startsWith('NOSCRIPT')",
    instead: "error.message.startsWith('NO SCRIPT')",
    tests: ['faults/refusals.test.ts', UNKNOWN, 'backends/redis-commands.test.ts'],
  },
  {
    what: 'an unanswered command waits for ever',
    file: 'redis/command-link.ts',
    code: 'const overdue = now >= open.until;',
    instead: 'const overdue = false;',
    tests: [UNKNOWN],
  },
  {
    what: 'a lease is held beyond its deadline',
    file: 'core/lock.ts',
    code: 'if (this.#backend.clock.now() < this.#grant.deadline) return false;',
    instead: 'if (this.#backend.clock.now() < this.#grant.deadline || true) return false;',
    tests: ['core/lock.test.ts'],
  },
  {
    what: 'an auto refresh outlives the release',
    file: 'core/auto-refresh.ts',
    code: 'this.#stopped = true;\n    this.#alarm?.cancel();',
    instead: '',
    tests: ['core/auto-refresh.test.ts', 'core/lock.test.ts'],
  },
  {
    what: 'a quorum is one less',
    file: 'redlock/ballot.ts',
    code: 'if (voted >= quorum) {',
    instead: 'if (voted >= quorum - 1) {',
    tests: ['backends/redlock-votes.test.ts', 'faults/redlock.test.ts'],
  },
  {
    what: 'a server votes for a fence below its own',
    file: 'redis/scripts/adopt.ts',
    code: "if fence > proposed or (fence == proposed and holder ~= owner) then return string.format('behind %.0f', fence) end",
    instead: '',
    tests: ['backends/redlock-votes.test.ts'],
  },
  {
    what: 'a server votes although somebody else has it',
    file: 'redis/scripts/adopt.ts',
    code: 'if leaseEnd > ms and holder ~= owner then',
    instead: 'if false then',
    tests: ['backends/redlock-votes.test.ts'],
  },
  {
    what: 'a release by force at one server takes a lock from a quorum',
    file: 'redlock/backend.ts',
    code: 'if (spare === -1) listener();',
    instead: 'listener();',
    tests: ['faults/forced.test.ts'],
  },
];
