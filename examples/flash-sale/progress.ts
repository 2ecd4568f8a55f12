import { SingleBar } from 'cli-progress';
import { figure } from './text.ts';

/** Shows how many buyers have been served. */
export interface Progress {
  show(served: number): void;
  /** All are served. */
  finish(): void;
  /** The round has failed: leaves the terminal as it was. */
  abandon(): void;
}

/** A live bar on a terminal; elsewhere a line for each quarter. */
export function startProgress(buyers: number): Progress {
  return process.stdout.isTTY ? new Bar(buyers) : new Lines(buyers);
}

class Bar implements Progress {
  readonly #buyers: number;
  readonly #bar: SingleBar;

  constructor(buyers: number) {
    this.#buyers = buyers;
    this.#bar = new SingleBar({
      format: `  {bar} {value} of {total} buyers, {duration} s`,
      formatValue: (value, _options, type) => (type === 'duration' ? String(value) : figure(value)),
      barCompleteChar: '█',
      barIncompleteChar: '░',
      barsize: 40,
      fps: 20,
      // Ctrl-C gives the terminal back as it was.
      gracefulExit: true,
      stream: process.stdout,
    });
    this.#bar.start(buyers, 0);
  }

  show(served: number): void {
    this.#bar.update(served);
  }

  finish(): void {
    this.#bar.update(this.#buyers);
    this.#bar.stop();
  }

  abandon(): void {
    this.#bar.stop();
  }
}

class Lines implements Progress {
  readonly #buyers: number;
  #quarters = 0;

  constructor(buyers: number) {
    this.#buyers = buyers;
  }

  show(served: number): void {
    const quarters = Math.floor((4 * served) / this.#buyers);
    if (quarters <= this.#quarters) return;
    this.#quarters = quarters;
    console.log(`  ${figure(served)} of ${figure(this.#buyers)} buyers`);
  }

  finish(): void {
    this.show(this.#buyers);
  }

  abandon(): void {}
}
