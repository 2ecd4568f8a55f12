import pDefer from 'p-defer';
import { GenericContainer, getContainerRuntimeClient, Wait } from 'testcontainers';
import { type Instance, type Launch, START_TIMEOUT_MS, startFailure } from './launch.ts';

const RUN_LABEL = 'batonlock.test-run';
const WORKING_DIR = '/batonlock';

/** Starts a container of the image; the name of the run lets its end find what was left behind. */
export async function launchContainer(launch: Launch, image: string, run: string): Promise<Instance> {
  const container = new RedisContainer(image)
    // Past the image's own entry point: it needs a shell, and it adds modules and another user.
    .withEntrypoint(['redis-server'])
    .withCommand([...launch.args])
    .withWorkingDir(WORKING_DIR)
    .withCopyContentToContainer(
      launch.files.map(({ name, content }) => ({ content, target: `${WORKING_DIR}/${name}` })),
    )
    .withLabels({ [RUN_LABEL]: run })
    .withWaitStrategy(Wait.forLogMessage(launch.ready).withStartupTimeout(START_TIMEOUT_MS));
  if (launch.hostNetwork) container.withNetworkMode('host');
  else container.withExposedPorts({ container: launch.port, host: launch.port });
  return container.launch();
}

/** Whether a Docker engine answers; it throws when none does. */
export async function findEngine(): Promise<void> {
  await getContainerRuntimeClient();
}

/** Removes the containers of a run that were left behind. */
export async function removeContainers(run: string): Promise<void> {
  const { container } = await getContainerRuntimeClient();
  const filters = { label: [`${RUN_LABEL}=${run}`] };
  const left = await container.dockerode.listContainers({ all: true, filters });
  await Promise.all(left.map(({ Id }) => new ContainerInstance('', Id).remove()));
}

/** A container whose failure to start is noticed at once and comes with the server's log. */
class RedisContainer extends GenericContainer {
  readonly #log: string[] = [];
  readonly #endedEarly = pDefer<never>();
  #id: string | undefined;

  async launch(): Promise<Instance> {
    try {
      const started = await Promise.race([this.start(), this.#endedEarly.promise]);
      // Published ports are IPv4 on every engine, IPv6 only on some.
      const host = started.getHost() === 'localhost' ? '127.0.0.1' : started.getHost();
      return new ContainerInstance(host, started.getId(), this.#log);
    } catch (error) {
      if (this.#id !== undefined) await new ContainerInstance('', this.#id).remove();
      throw startFailure(error instanceof Error ? error.message : String(error), this.#log.join(''));
    }
  }

  /** Listens from before the start; Testcontainers may take the log along with a container that fails. */
  protected override async containerCreated(id: string): Promise<void> {
    this.#id = id;
    const { container } = await getContainerRuntimeClient();
    const output = await container.attach(container.getById(id));
    output.setEncoding('utf8').on('data', (text: string) => this.#log.push(text));
    output.on('end', () => howItEnded(id).then((how) => this.#endedEarly.reject(new Error(how))));
  }
}

class ContainerInstance implements Instance {
  readonly host: string;
  readonly #id: string;
  readonly #log: readonly string[];

  constructor(host: string, id: string, log: readonly string[] = []) {
    this.host = host;
    this.#id = id;
    this.#log = log;
  }

  async log(): Promise<string> {
    return this.#log.join('');
  }

  async pause(): Promise<void> {
    await (await containerOf(this.#id)).pause();
  }

  async resume(): Promise<void> {
    await (await containerOf(this.#id)).unpause();
  }

  async kill(): Promise<void> {
    await (await containerOf(this.#id)).kill();
  }

  async revive(): Promise<void> {
    await (await containerOf(this.#id)).start();
  }

  async remove(): Promise<void> {
    try {
      await (await containerOf(this.#id)).remove({ force: true, v: true });
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
}

async function containerOf(id: string) {
  const runtime = await getContainerRuntimeClient();
  return runtime.container.getById(id);
}

/** In the engine's words when it could not even start the server. */
async function howItEnded(id: string): Promise<string> {
  try {
    const { State } = await (await containerOf(id)).inspect();
    return State.Error || `it ended with status ${State.ExitCode}`;
  } catch {
    return 'it ended';
  }
}

/** Whether the container is removed already, or somebody is about to: 404 and 409 of the engine. */
function isGone(error: unknown): boolean {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  return status === 404 || status === 409;
}
