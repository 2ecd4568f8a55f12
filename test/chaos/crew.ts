import { nowUs } from '../../bench/measure/clock.ts';
import { type ClientProcess, spawnClient } from '../support/client-process.ts';
import { within } from '../support/wait.ts';
import type { FromClient, Order, ToClient, Workers } from './client.ts';
import type { Way } from './connect.ts';
import { historyFile } from './history.ts';

const FILE = new URL('./client.ts', import.meta.url);
const START_TIMEOUT_MS = 60_000;
/** By then even a wait without a timeout has been granted its lock. */
const FINISH_TIMEOUT_MS = 60_000;
/** Seeds of workers are those of their client and the next few. */
const SEEDS_APART = 1_000;

export interface CrewOptions {
  readonly size: number;
  readonly workers: Workers;
  readonly seed: number;
  readonly folder: string;
  readonly registersUrl: string;
  readonly wayOf: (client: number) => Way;
}

type Member = ClientProcess<FromClient, ToClient>;

/** The client processes of a run. */
export class Crew {
  readonly crashes: string[] = [];
  readonly #options: CrewOptions;
  readonly #members: Member[] = [];
  readonly #lives: number[] = [];
  readonly #expected = new Set<Member>();

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#options.size;
  }

  async start(): Promise<void> {
    await Promise.all(Array.from({ length: this.size }, (_, client) => this.#spawn(client)));
  }

  /** SIGKILL; the next process of this client comes by `revive`. */
  async kill(client: number): Promise<void> {
    const member = this.#member(client);
    this.#expected.add(member);
    await member.stop();
  }

  revive(client: number): Promise<void> {
    return this.#spawn(client);
  }

  pause(client: number): void {
    this.#member(client).kill('SIGSTOP');
  }

  resume(client: number): void {
    this.#member(client).kill('SIGCONT');
  }

  /** Keeps the client's event loop busy; resolves when it is free again. */
  async stall(client: number, ms: number): Promise<void> {
    const member = this.#member(client);
    member.send({ type: 'stall', ms });
    await member.next('stalled', ms + START_TIMEOUT_MS);
  }

  /** Nothing new is asked for; resolves when all processes have ended by themselves. */
  async finish(): Promise<void> {
    for (const member of this.#members) {
      this.#expected.add(member);
      member.send({ type: 'finish' });
    }
    await Promise.all(this.#members.map((member, client) => this.#ending(member, client)));
  }

  async stop(): Promise<void> {
    for (const member of this.#members) this.#expected.add(member);
    await Promise.all(this.#members.map((member) => member.stop()));
  }

  async #ending(member: Member, client: number): Promise<void> {
    try {
      const { code, signal } = await within(
        FINISH_TIMEOUT_MS,
        `the end of client ${client}`,
        () => member.exit,
      );
      if (code !== 0) this.crashes.push(`client ${client} ended with ${code ?? signal}: ${member.stderr}`);
    } catch (error) {
      this.crashes.push(String(error));
    }
  }

  async #spawn(client: number): Promise<void> {
    const { folder, registersUrl, wayOf, workers, seed } = this.#options;
    const life = this.#lives[client] ?? 0;
    this.#lives[client] = life + 1;
    const order: Order = {
      ...{ registersUrl, workers, way: wayOf(client), file: historyFile(folder, client, life) },
      seed: seed + SEEDS_APART * (1 + client + this.size * life),
    };
    const member: Member = spawnClient(FILE, { args: [JSON.stringify(order)] });
    this.#members[client] = member;
    void member.exit.then(({ code, signal }) => {
      if (this.#expected.has(member)) return;
      this.crashes.push(`client ${client} ended with ${code ?? signal} at ${nowUs()}: ${member.stderr}`);
    });
    await member.next('working', START_TIMEOUT_MS);
  }

  #member(client: number): Member {
    const member = this.#members[client];
    if (!member) throw new Error(`there is no client ${client}`);
    return member;
  }
}
