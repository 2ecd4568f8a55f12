import { type ClientProcess, spawnClient } from '../../test/support/client-process.ts';
import { within } from '../../test/support/wait.ts';
import type { Contestant } from '../contestants/contestant.ts';
import { bind } from '../measure/processors.ts';
import type { Answer, Order, ParamsOf, ResultOf, TaskName } from './protocol.ts';

const FILE = new URL('./worker.ts', import.meta.url);
const START_TIMEOUT_MS = 30_000;
/** What every task may take at least, besides what its parameters say. */
const TASK_TIMEOUT_MS = 20_000;

/** One worker process, from the parent's side. */
export class Worker {
  readonly #process: ClientProcess<Answer, Order>;
  #orders = 0;

  constructor(url: string, { id }: Contestant, autoPipelining: boolean) {
    const args = [id, url, autoPipelining ? 'auto-pipelining' : 'plain'];
    this.#process = spawnClient<Answer, Order>(FILE, { args });
  }

  /** Connected, and bound to the processors, if there are any. */
  async ready(processors?: readonly number[]): Promise<void> {
    await this.#process.next('ready', START_TIMEOUT_MS);
    await this.run('connect', {});
    // Not before: what a library decides by the number of processors, it decides as without us.
    const { pid } = this.#process;
    if (processors && pid !== undefined) await bind(pid, processors);
  }

  /** Rejects with what the task failed of, or when it takes longer than `timeoutMs`. */
  async run<T extends TaskName>(
    task: T,
    params: ParamsOf<T>,
    timeoutMs = TASK_TIMEOUT_MS,
  ): Promise<ResultOf<T>> {
    const id = ++this.#orders;
    this.#process.send({ type: 'order', id, task, params });
    const late = `no end of "${task}" within ${timeoutMs / 1_000} s`;
    const hung = new Error(late);
    const answer = await this.#process.next(`answer ${id}`, timeoutMs).catch((error: unknown) => {
      throw String(error).includes('in vain') ? hung : error;
    });
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result as ResultOf<T>;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  kill(): void {
    this.#process.kill();
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}

/** The worker processes of all contestants. They live on from scenario to scenario, warm as in real life. */
export class Crews {
  readonly #url: string;
  readonly #processors: readonly number[] | undefined;
  readonly #crews = new Map<string, Worker[]>();

  /** `processors`: to which they are bound, if they are. */
  constructor(url: string, processors?: readonly number[]) {
    this.#url = url;
    this.#processors = processors;
  }

  /** So many processes of a contestant, connected. */
  async muster(contestant: Contestant, size: number, autoPipelining = false): Promise<Worker[]> {
    const key = `${contestant.id} ${autoPipelining}`;
    const crew = this.#crews.get(key) ?? [];
    this.#crews.set(key, crew);
    const fresh = Array.from({ length: size - crew.length }, () => this.#spawn(contestant, autoPipelining));
    crew.push(...fresh);
    await Promise.all(fresh.map((worker) => worker.ready(this.#processors)));
    return crew.slice(0, size);
  }

  /** A process that is nobody else's, for what does not survive the experiment. */
  async recruit(contestant: Contestant): Promise<Worker> {
    const worker = this.#spawn(contestant, false);
    const recruits = this.#crews.get('recruits') ?? [];
    this.#crews.set('recruits', recruits);
    recruits.push(worker);
    await worker.ready(this.#processors);
    return worker;
  }

  /** Ends all processes of a contestant: they hang, or have more waiting than is worth winding up. */
  async discard({ id }: Contestant): Promise<void> {
    for (const key of [`${id} false`, `${id} true`]) {
      const crew = this.#crews.get(key) ?? [];
      this.#crews.delete(key);
      await Promise.all(crew.map((worker) => worker.stop()));
    }
  }

  async close(): Promise<void> {
    const crews = [...this.#crews.values()].flat();
    this.#crews.clear();
    await within(START_TIMEOUT_MS, 'the worker processes to end', () =>
      Promise.all(crews.map((worker) => worker.stop())),
    );
  }

  #spawn(contestant: Contestant, autoPipelining: boolean): Worker {
    return new Worker(this.#url, contestant, autoPipelining);
  }
}
