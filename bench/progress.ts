import { SingleBar } from 'cli-progress';

/** How far the benchmark is. */
export interface Progress {
  /** Another of the announced steps begins. */
  step(what: string): void;
  /** So many more steps will come. */
  expect(steps: number): void;
  stop(): void;
}

/** A live bar on a terminal; elsewhere a line now and then. */
export function startProgress(): Progress {
  return process.stderr.isTTY ? new Bar() : new Lines();
}

class Bar implements Progress {
  readonly #bar = new SingleBar({
    format: '  {bar} {percentage} %  {duration} s  {what}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    fps: 10,
    linewrap: false,
    hideCursor: true,
    clearOnComplete: true,
    // Who started the benchmark decides what a Ctrl-C does.
    gracefulExit: false,
    stream: process.stderr,
  });
  #total = 0;
  #done = 0;

  constructor() {
    this.#bar.start(1, 0, { what: 'starting' });
  }

  step(what: string): void {
    this.#bar.update(this.#done, { what });
    this.#done += 1;
  }

  expect(steps: number): void {
    this.#total += steps;
    this.#bar.setTotal(this.#total);
  }

  stop(): void {
    this.#bar.stop();
  }
}

const LINE_EVERY_MS = 5_000;

class Lines implements Progress {
  readonly #startedAt = performance.now();
  #spokeAt = Number.NEGATIVE_INFINITY;
  #total = 0;
  #done = 0;

  step(what: string): void {
    const now = performance.now();
    this.#done += 1;
    if (now < this.#spokeAt + LINE_EVERY_MS) return;
    this.#spokeAt = now;
    const seconds = Math.round((now - this.#startedAt) / 1_000);
    console.error(`  ${seconds} s, step ${this.#done} of ${this.#total}: ${what}`);
  }

  expect(steps: number): void {
    this.#total += steps;
  }

  stop(): void {}
}
