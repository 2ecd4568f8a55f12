import { canInstallRedis, installRedis, redisOnPath } from './apt-redis.ts';
import { ask } from './ask.ts';
import { freePort } from './free-port.ts';
import type { Launch } from './launch.ts';
import { within } from './wait.ts';

export type ServerWay = 'container' | 'binary';

/** Which way test servers are started in this run, and why. */
export interface ServerChoice {
  readonly way: ServerWay;
  /** The image of the container way. */
  readonly image: string;
  /** One line for the person who started the run. */
  readonly line: string;
}

const ENGINE_TIMEOUT_MS = 3_000;
// Long enough to pull the image over a slow line.
const TRIAL_TIMEOUT_MS = 180_000;

/** Decides between containers and a binary, after `BATON_TEST_SERVERS` and `REDIS_IMAGE`; rejects when neither works. */
export async function chooseServers(env: NodeJS.ProcessEnv = process.env): Promise<ServerChoice> {
  const forced = env.BATON_TEST_SERVERS || undefined;
  if (forced !== undefined && forced !== 'container' && forced !== 'binary') {
    throw new Error(`test servers: BATON_TEST_SERVERS must be container or binary, not ${forced}`);
  }
  const image = env.REDIS_IMAGE || 'redis:8-alpine';
  const wanted = `BATON_TEST_SERVERS=${forced}`;
  if (forced === 'binary') return { way: 'binary', image, line: await findBinary(env, wanted) };
  const trial = await tryContainer(image);
  if (trial.works) {
    const why = forced === undefined ? 'a Docker engine answers' : wanted;
    return { way: 'container', image, line: `test servers: containers of ${image}, ${trial.what} (${why})` };
  }
  if (forced === 'container') throw new Error(`test servers: ${wanted}, but ${trial.what}`);
  return { way: 'binary', image, line: await findBinary(env, trial.what) };
}

async function findBinary(env: NodeJS.ProcessEnv, why: string): Promise<string> {
  const present = await redisOnPath(env);
  if (present !== null) return `test servers: redis-server ${present} from the PATH (${why})`;
  const missing = `${why}, no redis-server on the PATH`;
  if (!(await canInstallRedis())) {
    throw new Error(
      `test servers: ${missing}: start a Docker engine, or install Redis 7 or newer, ` +
        'for instance with "apt-get install redis-server" or "brew install redis"',
    );
  }
  await installRedis(env);
  const installed = await redisOnPath(env);
  if (installed === null) throw new Error(`test servers: ${missing}, not even after installing the package`);
  return `test servers: redis-server ${installed}, just installed with apt-get (${missing})`;
}

/** Starts a container for good measure: the image, the reaper, the ports, everything must work. */
async function tryContainer(image: string): Promise<{ works: boolean; what: string }> {
  // Loaded late, as a run without an engine need not have it.
  const containers = await import('./redis-container.ts');
  try {
    await within(ENGINE_TIMEOUT_MS, 'a Docker engine', containers.findEngine);
  } catch {
    return { works: false, what: 'no Docker engine answers' };
  }
  try {
    const launch = await trialLaunch();
    const instance = await within(TRIAL_TIMEOUT_MS, 'the image and a container of it', () =>
      containers.launchContainer(launch, image, 'trial'),
    );
    const info = await ask({ host: instance.host, port: launch.port }, 'INFO server').finally(() =>
      instance.remove(),
    );
    return { works: true, what: `Redis ${/redis_version:(\S+)/.exec(info)?.[1] ?? 'of unknown version'}` };
  } catch (error) {
    const [reason = ''] = String(error instanceof Error ? error.message : error).split('\n');
    return { works: false, what: `the Docker engine starts no container of ${image}: ${reason.trim()}` };
  }
}

async function trialLaunch(): Promise<Launch> {
  const port = await freePort();
  const args = ['--port', String(port), '--save', '', '--protected-mode', 'no'];
  return { port, args, files: [], ready: 'Ready to accept connections', hostNetwork: false };
}
