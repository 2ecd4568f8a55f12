import { etcdBackend } from '../../src/etcd/backend.ts';
import { LockClient, LockCreator, memoryBackend, redisBackend, redlockBackend } from '../../src/index.ts';
import { testKit } from '../../src/testing/kit.ts';
import { isInteger, isName, isOptions, type Verdict } from './bounds.ts';
import { all, type Entry, orNone } from './entry.ts';

const LONGEST_MS = 2_147_483_647;
/** Nobody listens there, and nobody is asked to before something is wanted. */
const ETCD = 'http://127.0.0.1:1';

const isDuration =
  (least: number) =>
  (value: unknown): Verdict =>
    isInteger(value, least, LONGEST_MS);

function isTextOf(pattern: RegExp): (value: unknown) => Verdict {
  return orNone((value) => typeof value === 'string' && pattern.test(value));
}

/** Where something that is not among the options is all the same. */
const notByItself = (): Verdict => undefined;

const isClientName = isTextOf(/^[A-Za-z0-9._-]{1,64}$/);
const isPrefix = isTextOf(/^[!-z|~]{1,128}$/);

const REDIS = [
  ...all('prefix', isPrefix, {
    redisBackend: ({ redis }, prefix) => redisBackend(redis.redis, { prefix }),
    redlockBackend: ({ redis }, prefix) => redlockBackend([redis.redis], { prefix }),
  }),
  ...all('clientName', isClientName, {
    redisBackend: ({ redis }, clientName) => redisBackend(redis.redis, { clientName }),
    redlockBackend: ({ redis }, clientName) => redlockBackend([redis.redis], { clientName }),
  }),
  ...all('fenceRetention', orNone(isDuration(1)), {
    redisBackend: ({ redis }, fenceRetention) => redisBackend(redis.redis, { fenceRetention }),
  }),
  ...all('safetyNet', orNone(isDuration(100)), {
    redisBackend: ({ redis }, safetyNet) => redisBackend(redis.redis, { safetyNet }),
  }),
  ...all('commandTimeout', orNone(isDuration(10)), {
    redisBackend: ({ redis }, commandTimeout) => redisBackend(redis.redis, { commandTimeout }),
    redlockBackend: ({ redis }, commandTimeout) => redlockBackend([redis.redis], { commandTimeout }),
  }),
  ...all('replicas.count', (value) => isInteger(value, 1, 1_000), {
    redisBackend: ({ redis }, count) => redisBackend(redis.redis, { replicas: { count } }),
  }),
  ...all('replicas.timeout', orNone(isDuration(1)), {
    redisBackend: ({ redis }, timeout) => redisBackend(redis.redis, { replicas: { count: 1, timeout } }),
  }),
  ...all('', notByItself, {
    'redisBackend (source)': (_, value) => redisBackend(value),
    'redisBackend (replicas)': ({ redis }, replicas) => redisBackend(redis.redis, { replicas }),
    'redisBackend (options)': ({ redis }, value) => redisBackend(redis.redis, value),
    'redlockBackend (sources)': (_, value) => redlockBackend(value),
    'redlockBackend (a source)': ({ redis }, value) => redlockBackend([redis.redis, value]),
    'redlockBackend (options)': ({ redis }, value) => redlockBackend([redis.redis], value),
    'redlockBackend (replicas)': ({ redis }, replicas) =>
      redlockBackend([redis.redis], { replicas } as object),
    'new LockClient': (_, value) => new LockClient(value),
    'new LockCreator (source)': (_, value) => new LockCreator('x', value),
  }),
  ...all(
    'quorum',
    orNone((value) => value === 1),
    {
      redlockBackend: ({ redis }, quorum) => redlockBackend([redis.redis], { quorum }),
    },
  ),
  ...all(
    'driftFactor',
    orNone((value) => typeof value === 'number' && value > 0 && value <= 0.5),
    {
      redlockBackend: ({ redis }, driftFactor) => redlockBackend([redis.redis], { driftFactor }),
    },
  ),
];

const MEMORY = [
  ...all('clientName', isClientName, { memoryBackend: (_, clientName) => memoryBackend({ clientName }) }),
  ...all('space', orNone(isName), { memoryBackend: (_, space) => memoryBackend({ space }) }),
  ...all('options', isOptions('clientName', 'space'), { memoryBackend: (_, value) => memoryBackend(value) }),
];

/** The parts of a client of etcd by which it is known. */
const client = () => ({ kv: {}, leaseClient: {}, watchClient: {} }) as never;

const ETCD_OPTIONS = [
  ...all('prefix', isTextOf(/^[!-~]{0,128}$/), {
    etcdBackend: (_, prefix) => etcdBackend(client(), { prefix }),
  }),
  ...all('clientName', isClientName, {
    etcdBackend: (_, clientName) => etcdBackend(client(), { clientName }),
  }),
  ...all('commandTimeout', orNone(isDuration(10)), {
    etcdBackend: (_, commandTimeout) => etcdBackend(client(), { commandTimeout }),
  }),
  ...all('auth', (value) => typeof value === 'string' && value !== '', {
    'etcdBackend (username)': (_, username) => etcdBackend(ETCD, { auth: { username, password: 'x' } }),
    'etcdBackend (password)': (_, password) => etcdBackend(ETCD, { auth: { username: 'x', password } }),
  }),
  ...all('', notByItself, {
    'etcdBackend (source)': (_, value) => etcdBackend(value),
    'etcdBackend (a source)': (_, value) => etcdBackend([ETCD, value]),
    'etcdBackend (auth)': (_, auth) => etcdBackend(ETCD, { auth }),
    'etcdBackend (credentials)': (_, credentials) => etcdBackend(ETCD, { credentials }),
    'etcdBackend (a certificate)': (_, rootCertificate) =>
      etcdBackend('https://127.0.0.1:1', { credentials: { rootCertificate } }),
    'etcdBackend (a key)': (_, privateKey) => {
      const credentials = { rootCertificate: Buffer.from('x'), privateKey, certChain: Buffer.from('x') };
      return etcdBackend('https://127.0.0.1:1', { credentials });
    },
    'etcdBackend (options)': (_, value) => etcdBackend(client(), value),
  }),
];

const KIT = [
  ...all('ms', (value) => typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY, {
    'kit.clock.advance': (_, value) => testKit().clock.advance(value),
  }),
  ...all('ms', isDuration(0), { 'kit.delay': (_, value) => void testKit().delay(value) }),
  ...all(
    'times',
    orNone((value) => isInteger(value, 1, 1_000_000)),
    {
      'kit.delay': (_, times) => void testKit().delay(1, { times }),
    },
  ),
  ...all('', notByItself, {
    'kit.delay (options)': (_, value) => void testKit().delay(1, value),
    'kit.delay (on)': (_, on) => void testKit().delay(1, { on }),
    'kit.delay (client)': (_, subject) => void testKit().delay(1, { client: subject }),
    'kit.fail': (_, value) => void testKit().fail(value),
    'kit.occupy': (_, value) => testKit().occupy(value),
    'kit.lose': (_, value) => testKit().lose(value),
    'kit.lose (reason)': async (_, value) => {
      const kit = testKit();
      await kit.lose(await kit.client().creator('x').acquire(10), value);
    },
  }),
];

/** Every option of every backend, and what a test kit is asked for. */
export const OPTION_ENTRIES: readonly Entry[] = [...REDIS, ...MEMORY, ...ETCD_OPTIONS, ...KIT];
