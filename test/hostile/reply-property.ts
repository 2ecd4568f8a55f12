import { inspect } from 'node:util';
import fc from 'fast-check';
import { Owners } from '../../src/core/owner.ts';
import { LockArgumentError, LockError } from '../../src/index.ts';
import { RedisBackend } from '../../src/redis/backend.ts';
import { type RedisSettings, redisSettings } from '../../src/redis/options.ts';
import { RedlockBackend } from '../../src/redlock/backend.ts';
import { ABORTED, anyCall, anyMutexCall, type Call } from './callers.ts';
import { FakeCluster, FakeRedis, ScriptKinds } from './fake-redis.ts';
import { anyLie, anyMessage } from './lies.ts';
import { PATIENCE_MS, SAFETY_NET_MS, World } from './world.ts';

const SETTINGS: RedisSettings = redisSettings({ commandTimeout: PATIENCE_MS, safetyNet: SAFETY_NET_MS });
const REPLICAS = { count: 1, timeoutMs: 20 };
/** Grants wait for two rounds of writing and WAIT at most. */
const CONFIRM_MS = 2 * (3 * PATIENCE_MS + REPLICAS.timeoutMs);
/** Votes come in rounds. */
const BALLOT_MS = 2_000;
const KEY_PREFIX = 'app:';
const START = `${KEY_PREFIX}baton:`;
/** All backends have the same settings, and so the same scripts. */
const SCRIPTS = new ScriptKinds(KEY_PREFIX, SETTINGS);
const CLUSTER_SCRIPTS = new ScriptKinds(KEY_PREFIX, SETTINGS, true);

const instant = fc.constantFrom(0, 1, 5, 30, 80, 150, 250);
const started = <T>(what: fc.Arbitrary<T>) => fc.tuple(instant, what);

/** What befalls the link, or what it says without being asked. */
const anyBreak = fc.constantFrom('cut', 'cut with an error', 'cut the subscriber', 'end', 'refuse');

function anyCase(call: fc.Arbitrary<Call>) {
  return fc.record({
    lies: fc.oneof(
      fc.array(anyLie, { minLength: 1, maxLength: 6 }),
      anyLie.map((lie) => [lie]),
    ),
    calls: fc.array(started(call), { minLength: 1, maxLength: 3 }),
    messages: fc.array(started(anyMessage), { maxLength: 3 }),
    breaks: fc.oneof(
      { weight: 4, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(started(anyBreak), { maxLength: 2 }) },
    ),
    confirms: fc.boolean(),
    kind: fc.oneof({ weight: 4, arbitrary: fc.constant('server') }, fc.constantFrom('replicas', 'cluster')),
  });
}

type Case = ReturnType<typeof anyCase> extends fc.Arbitrary<infer T> ? T : never;

function connection(world: World, index: number): FakeRedis {
  const options = { host: 'liar', port: index, keyPrefix: KEY_PREFIX };
  return new FakeRedis(options, { scripts: SCRIPTS, answer: world.answer, soon: world.soon });
}

function cluster(world: World): FakeRedis {
  const options = { host: 'liar', port: 0, keyPrefix: KEY_PREFIX };
  return new FakeCluster(options, { scripts: CLUSTER_SCRIPTS, answer: world.answer, soon: world.soon });
}

/** One server, whatever it says: every call ends in time, with a result that may be or with an error of ours. */
export function replyProperty(check: () => Promise<void>): fc.IAsyncProperty<unknown> {
  return fc.asyncProperty(anyCase(anyCall), async (given) => {
    const { lies, confirms, kind } = given;
    const replicas = kind === 'replicas' ? REPLICAS : undefined;
    const world = new World({ lies, start: START, confirms, ...(replicas && { confirmMs: CONFIRM_MS }) });
    const redis = kind === 'cluster' ? cluster(world) : connection(world, 0);
    const settings = { ...SETTINGS, replicas };
    world.open(new RedisBackend(redis.redis, settings, world.clock, false, new Owners('liar', 'test')));
    await play(world, [redis], given);
    await check();
  });
}

/** As before, of three servers of which two have to agree. */
export function redlockProperty(check: () => Promise<void>): fc.IAsyncProperty<unknown> {
  return fc.asyncProperty(anyCase(anyMutexCall), async (given) => {
    const { lies, confirms } = given;
    const world = new World({ lies, start: START, confirms, confirmMs: BALLOT_MS });
    const connections = [0, 1, 2].map((index) => connection(world, index));
    const sources = connections.map((fake, index) => ({
      redis: fake.redis,
      owned: false,
      label: `liar:${index}`,
    }));
    const settings = { ...SETTINGS, clientName: 'liar', quorum: 2, driftFactor: 0.01 };
    world.open(new RedlockBackend(sources, settings, world.clock));
    await play(world, connections, given);
    await check();
  });
}

async function play(
  world: World,
  connections: readonly FakeRedis[],
  { calls, messages, breaks }: Case,
): Promise<void> {
  const at = (ms: number, task: () => void) => void world.clock.callAt(world.clock.now() + ms, task);
  for (const [ms, call] of calls) at(ms, () => void judge(world, call));
  for (const [ms, message] of messages) at(ms, () => say(connections, message(world)));
  for (const [ms, what] of breaks) at(ms, () => breakLinks(world, connections, what));
  await world.end(connections);
}

async function judge(world: World, call: Call): Promise<void> {
  try {
    await call.run(world);
  } catch (error) {
    const ours = error instanceof LockError && !(error instanceof LockArgumentError);
    if (!ours && error !== ABORTED) world.problems.push(`${call.what}: ${inspect(error)}`);
  }
}

/** On every channel that anybody has subscribed to. */
function say(connections: readonly FakeRedis[], text: string): void {
  for (const { sent, lines } of connections) {
    const channels = new Set(sent.flatMap(({ kind, keys }) => (kind === 'ssubscribe' ? keys : [])));
    for (const line of lines) for (const channel of channels) line.emit('smessage', channel, text);
  }
}

function breakLinks(world: World, connections: readonly FakeRedis[], what: string): void {
  for (const redis of connections) {
    const [line = redis] = redis.lines;
    const broken = what === 'cut the subscriber' ? line : redis;
    if (what === 'end') redis.disconnect();
    else if (what === 'refuse') broken.cut(Object.assign(new Error('NOAUTH x'), { name: 'ReplyError' }));
    else broken.cut(what === 'cut' ? undefined : new Error('read ECONNRESET'));
    if (what !== 'refuse') world.clock.callAt(world.clock.now() + 40, () => broken.back());
  }
}
