import { LockClient, LockCreator, type LockJson } from '../../src/index.ts';
import { isGroup, isInteger, isName, isOptions, isSignal, isWaitTimeout, type Verdict } from './bounds.ts';
import { all, type Entry, orNone } from './entry.ts';
import { OPTION_ENTRIES } from './option-entries.ts';
import type { Stage } from './stage.ts';

const LONGEST_MS = 2_147_483_647;

const creator = (stage: Stage): LockCreator => stage.client.creator('x');
const ttlOf = (value: unknown): boolean => isInteger(value, 10, LONGEST_MS);
const durationOf = (value: unknown): boolean => value === undefined || isInteger(value, 1, LONGEST_MS);
const countOf = (value: unknown): boolean => isInteger(value, 0, Number.MAX_SAFE_INTEGER);

const NAMES = [
  ...all('name', isName, {
    'client.creator': ({ client }, value) => client.creator(value),
    'client.semaphore': ({ client }, value) => client.semaphore(value, 2),
    'client.readWriteLock': ({ client }, value) => void client.readWriteLock(value),
    'client.counter': ({ client }, value) => client.counter(value, { ttl: 10 }),
    'client.election': ({ client }, value) => client.election(value),
    'new LockCreator': ({ backend }, value) => new LockCreator(value, backend),
  }),
  ...all('names[0]', isName, { 'client.acquireAll': ({ client }, value) => client.acquireAll([value], 10) }),
  ...all('group', orNone(isGroup), {
    'client.creator': ({ client }, group) => client.creator('x', { group }),
    'client.semaphore': ({ client }, group) => client.semaphore('x', 2, { group }),
    'client.readWriteLock': ({ client }, group) => void client.readWriteLock('x', { group }),
    'client.counter': ({ client }, group) => client.counter('x', { ttl: 10, group }),
    'client.election': ({ client }, group) => client.election('x', { group }),
    'client.acquireAll': ({ client }, group) => client.acquireAll(['x'], 10, 0, { group }),
  }),
  ...all('', () => undefined, {
    'client.acquireAll (names)': ({ client }, value) => client.acquireAll(value, 10, 0),
    'client.acquireAll (names[1])': ({ client }, value) => client.acquireAll(['x', value], 10, 0),
  }),
];

const TIMES = [
  ...all('ttl', ttlOf, {
    'creator.acquire': (stage, value) => creator(stage).acquire(value),
    'creator.acquire in line': (stage, value) => creator(stage).acquire(value, 10),
    'creator.tryAcquire': (stage, value) => creator(stage).tryAcquire(value, { retries: 1 }),
    'creator.using': (stage, value) => creator(stage).using(value, 0, () => 1),
    'client.acquireAll': ({ client }, value) => client.acquireAll(['x', 'y'], value),
    'client.counter': ({ client }, ttl) => client.counter('x', { ttl }),
    'election.campaign': ({ client }, ttl) => client.election('x').campaign({ ttl }),
    'election.run': ({ client }, ttl) => client.election('x').run(() => 1, { ttl }),
  }),
  ...all('ttl', orNone(ttlOf), {
    'lock.refresh': ({ lock }, value) => lock.refresh(value),
    'multiLock.refresh': ({ both }, value) => both.refresh(value),
  }),
  ...all('waitTimeout', orNone(isWaitTimeout), {
    'creator.acquire': (stage, value) => creator(stage).acquire(10, value),
    'creator.using': (stage, value) => creator(stage).using(10, value, () => 1),
    'client.acquireAll': ({ client }, value) => client.acquireAll(['x'], 10, value),
  }),
  ...all('timeout', orNone(isWaitTimeout), {
    'counter.wait': ({ client }, value) => client.counter('x', { ttl: 10 }).wait(value),
  }),
  ...all('backoff', durationOf, {
    'creator.tryAcquire': (stage, backoff) => creator(stage).tryAcquire(10, { backoff }),
  }),
  ...all('maxHold', durationOf, {
    'lock.autoRefresh': ({ lock }, maxHold) => void lock.autoRefresh({ maxHold }),
  }),
];

const NUMBERS = [
  ...all(
    'retries',
    orNone((value) => isInteger(value, 0, 1_000_000)),
    {
      'creator.tryAcquire': (stage, retries) => creator(stage).tryAcquire(10, { retries }),
    },
  ),
  ...all(
    'units',
    orNone((value) => isInteger(value, 1, 3)),
    {
      'semaphore.acquire': ({ client }, units) => client.semaphore('x', 3).acquire(10, 0, { units }),
      'semaphore.tryAcquire': ({ client }, units) => client.semaphore('x', 3).tryAcquire(10, { units }),
      'client.creator': ({ client }, units) => client.creator('x', { capacity: 3, units }),
    },
  ),
  ...all(
    'units',
    orNone((value) => value === 1),
    {
      'creator.acquire': (stage, units) => creator(stage).acquire(10, 0, { units }),
      'creator.tryAcquire': (stage, units) => creator(stage).tryAcquire(10, { units }),
    },
  ),
  ...all('units', (value, { permits }) => value === undefined || isInteger(value, 1, permits.units), {
    'lock.downgrade': ({ permits }, value) => permits.downgrade(value),
  }),
  ...all('capacity', (value) => isInteger(value, 1, LONGEST_MS), {
    'client.semaphore': ({ client }, value) => client.semaphore('x', value),
  }),
  ...all(
    'capacity',
    orNone((value) => isInteger(value, 1, LONGEST_MS)),
    {
      'client.creator': ({ client }, capacity) => client.creator('x', { capacity }),
    },
  ),
  ...all('value', countOf, {
    'counter.set': ({ client }, value) => client.counter('x', { ttl: 10 }).set(value),
  }),
  ...all('by', orNone(countOf), {
    'counter.increment': ({ client }, value) => client.counter('x', { ttl: 10 }).increment(value),
    'counter.decrement': ({ client }, value) => client.counter('x', { ttl: 10 }).decrement(value),
  }),
  ...all('release', (value) => value === undefined || typeof value === 'boolean', {
    'creator.close': (stage, release) => creator(stage).close({ release }),
    'client.close': ({ backend }, release) => new LockClient(backend).close({ release }),
  }),
];

const SIGNALS = all('signal', orNone(isSignal), {
  'creator.acquire': (stage, signal) => creator(stage).acquire(10, 0, { signal }),
  'creator.acquire in line': (stage, signal) => creator(stage).acquire(10, 10, { signal }),
  'creator.tryAcquire': (stage, signal) => creator(stage).tryAcquire(10, { signal }),
  'creator.using': (stage, signal) => creator(stage).using(10, 0, () => 1, { signal }),
  'creator.watch': (stage, signal) => creator(stage).watch({ signal }),
  'client.acquireAll': ({ client }, signal) => client.acquireAll(['x'], 10, 0, { signal }),
  'counter.wait': ({ client }, signal) => client.counter('x', { ttl: 10 }).wait(10, { signal }),
  'election.campaign': ({ client }, signal) => client.election('x').campaign({ ttl: 10, signal }),
  'election.observe': ({ client }, signal) => client.election('x').observe({ signal }),
});

const WHOLE_OPTIONS = [
  ...all('options', isOptions('signal', 'units'), {
    'creator.acquire': (stage, value) => creator(stage).acquire(10, 0, value),
    'creator.using': (stage, value) => creator(stage).using(10, 0, () => 1, value),
  }),
  ...all('options', isOptions('retries', 'backoff', 'signal', 'units'), {
    'creator.tryAcquire': (stage, value) => creator(stage).tryAcquire(10, value),
  }),
  ...all('options', isOptions('signal'), {
    'creator.watch': (stage, value) => creator(stage).watch(value),
    'counter.wait': ({ client }, value) => client.counter('x', { ttl: 10 }).wait(10, value),
    'election.observe': ({ client }, value) => client.election('x').observe(value),
  }),
  ...all('options', isOptions('group', 'signal'), {
    'client.acquireAll': ({ client }, value) => client.acquireAll(['x'], 10, 0, value),
  }),
  ...all('options', isOptions('group', 'capacity', 'units'), {
    'client.creator': ({ client }, value) => client.creator('x', value),
  }),
  ...all('options', isOptions('group'), {
    'client.semaphore': ({ client }, value) => client.semaphore('x', 2, value),
    'client.readWriteLock': ({ client }, value) => void client.readWriteLock('x', value),
    'client.election': ({ client }, value) => client.election('x', value),
  }),
  ...all('options', isOptions('release'), {
    'creator.close': (stage, value) => creator(stage).close(value),
    'client.close': ({ backend }, value) => new LockClient(backend).close(value),
  }),
  ...all('options', isOptions('maxHold'), {
    'lock.autoRefresh': ({ lock }, value) => void lock.autoRefresh(value),
  }),
  // What they need is missing, or something else than these options.
  ...all('', () => undefined, {
    'client.counter (options)': ({ client }, value) => client.counter('x', value),
    'election.campaign (options)': ({ client }, value) => client.election('x').campaign(value),
    'election.run (options)': ({ client }, value) => client.election('x').run(() => 1, value),
  }),
];

const TASKS = all('task', (value) => typeof value === 'function', {
  'creator.using': (stage, value) => creator(stage).using(10, 0, value),
  'election.run': ({ client }, value) => client.election('x').run(value, { ttl: 10 }),
}).map((entry) => ({ ...entry, ownErrors: true }));

const JSON_OF_LEASE: LockJson = {
  version: 1,
  name: 'x',
  owner: 'other.1.ab:1:10',
  fencingToken: 1,
  units: 1,
  ttl: 10,
};

const FIELDS: Record<keyof LockJson, (value: unknown) => Verdict> = {
  version: (value) => value === 1,
  name: isName,
  owner: (value) =>
    typeof value === 'string' && /^[A-Za-z0-9._-]{1,256}:[0-9a-z]{1,11}:\d{1,10}(:\d{1,10})?$/.test(value),
  fencingToken: (value) => isInteger(value, 1, Number.MAX_SAFE_INTEGER),
  units: (value) => isInteger(value, 1, LONGEST_MS),
  ttl: ttlOf,
};

const RESUMES = [
  ...all('', () => undefined, { 'client.resume (json)': ({ client }, value) => client.resume(value) }),
  ...Object.entries(FIELDS).flatMap(([field, accepts]) =>
    all(`json.${field}`, accepts, {
      'client.resume': ({ client }, value) => client.resume({ ...JSON_OF_LEASE, [field]: value }),
    }),
  ),
];

/** Every argument of every public call, but for URLs. */
export const ENTRIES: readonly Entry[] = [
  ...[...NAMES, ...TIMES, ...NUMBERS, ...SIGNALS, ...WHOLE_OPTIONS, ...TASKS, ...RESUMES],
  ...OPTION_ENTRIES,
];
