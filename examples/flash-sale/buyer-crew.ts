import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import pDefer, { type DeferredPromise } from 'p-defer';
import type { Answer, Order } from './orders.ts';
import { CannotRun } from './sale.ts';

const FILE = fileURLToPath(new URL('./buyer-process.ts', import.meta.url));
/** Where `tsx` is found. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** How long a process may take to leave, in ms. */
const PATIENCE_MS = 2_000;

/** One process full of buyers, from the parent's side. */
export class BuyerCrew {
  /** How many buyers of the running sale it has served. */
  served = 0;
  readonly #child: ChildProcess;
  readonly #onServed: () => void;
  #pending: DeferredPromise<Answer> | undefined;
  #leaving = false;

  /** `onServed` is called whenever `served` has changed. */
  constructor(onServed: () => void) {
    this.#onServed = onServed;
    this.#child = fork(FILE, { cwd: ROOT, execArgv: ['--import', 'tsx'] });
    this.#child.on('message', (answer: Answer) => this.#receive(answer));
    this.#child.on('error', (error) => this.#fail(error.message));
    this.#child.on('exit', (code, signal) =>
      this.#fail(`it ended ${signal ? `by ${signal}` : `with ${code}`}`),
    );
  }

  /** Gives an order and resolves with the answer. Rejects with `CannotRun` when there will be none. */
  order(order: Order): Promise<Answer> {
    this.served = 0;
    this.#pending = pDefer();
    this.#child.send(order, (error) => error && this.#fail(error.message));
    return this.#pending.promise;
  }

  /** Lets the process go, and sees to it that it does; an order that is not answered yet never will be. */
  async leave(): Promise<void> {
    const { exitCode, signalCode, pid } = this.#child;
    this.#leaving = true;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS);
    await gone;
    clearTimeout(timer);
  }

  #receive(answer: Answer): void {
    if (answer.type === 'served') {
      this.served = answer.served;
      this.#onServed();
    } else if (answer.type === 'failed') {
      this.#fail(answer.reason);
    } else {
      this.#pending?.resolve(answer);
    }
  }

  #fail(reason: string): void {
    if (!this.#leaving) this.#pending?.reject(new CannotRun(`a buyer process failed: ${reason}`));
  }
}
