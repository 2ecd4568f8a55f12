import { once } from 'node:events';
import { emitKeypressEvents, type Key } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LockClient } from '../../client.ts';
import { LockError } from '../../errors.ts';
import { inspectionLines } from '../inspect.ts';
import { styled } from '../output.ts';
import { printable } from '../text.ts';
import { FIRST_CHOICES, press } from './controls.ts';
import { breakQuestion, frameLines, rowsIn, selectedLine, type View } from './frame.ts';
import type { Survey } from './survey.ts';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
/** How often it is drawn while nobody presses a key, so that times run and the first locks show at once. */
const DRAW_MS = 250;

/** The live table on a terminal, until it is left. */
export class LiveTop {
  readonly #client: LockClient;
  readonly #survey: Survey;
  readonly #intervalMs: number;
  readonly #quit = new AbortController();
  #choices = FIRST_CHOICES;
  #first = 0;
  #message: string | undefined;

  constructor(client: LockClient, survey: Survey, intervalMs: number) {
    this.#client = client;
    this.#survey = survey;
    this.#intervalMs = intervalMs;
  }

  async run(): Promise<void> {
    const { stdin, stdout } = process;
    const draw = (): void => this.#draw();
    const leave = (): void => this.#quit.abort();
    emitKeypressEvents(stdin);
    stdin.setRawMode(true).on('keypress', this.#onKey).resume();
    stdout.on('resize', draw).write(ENTER);
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) process.once(signal, leave);
    const drawing = setInterval(draw, DRAW_MS);
    try {
      const sweeping = this.#survey.sweepOn();
      // A server that does not answer must not keep anybody who wants to leave.
      await Promise.race([sweeping, this.#lookOn(), once(this.#quit.signal, 'abort')]);
    } finally {
      clearInterval(drawing);
      stdin.off('keypress', this.#onKey).setRawMode(false).pause();
      stdout.off('resize', draw).write(LEAVE);
    }
  }

  async #lookOn(): Promise<void> {
    const { signal } = this.#quit;
    while (!signal.aborted) {
      await this.#survey.look(this.#shown().names);
      await sleep(this.#intervalMs, undefined, { signal }).catch(() => {});
    }
  }

  /** The rows on the screen: scrolled no further than it takes to show the one that is selected. */
  #shown(): { readonly names: readonly string[]; readonly selected: number } {
    const { sort, reverse, selected, inspected } = this.#choices;
    const order = this.#survey.order(sort, reverse);
    const room = rowsIn(process.stdout.rows);
    const index = selected === undefined ? -1 : order.indexOf(selected);
    const at = Math.max(0, index);
    this.#first = Math.max(0, Math.min(this.#first, at, order.length - room), at - room + 1);
    if (inspected !== undefined) return { names: [inspected], selected: -1 };
    return {
      names: order.slice(this.#first, this.#first + room),
      selected: index < 0 ? -1 : index - this.#first,
    };
  }

  #draw(): void {
    const view = this.#view();
    const chosen = selectedLine(view);
    const lines = frameLines(view).map((line, index) => {
      if (index === chosen) return styled('inverse', line);
      return index === 0 || (index === 1 && !view.inspection) ? styled('bold', line) : line;
    });
    // Drawn over what is there, in one write, so that nothing flickers.
    process.stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\r\n')}`);
  }

  #view(): View {
    const { sort, reverse, inspected, doomed, selected } = this.#choices;
    const { board, grants, trouble } = this.#survey;
    const { columns: width, rows: height } = process.stdout;
    const shown = this.#shown();
    const rows = this.#survey.rows(shown.names);
    const lock = inspected === undefined ? undefined : board.get(inspected)?.lock;
    const free = { name: inspected ?? '', capacity: 1, holders: [], waiters: 0 };
    const question = doomed === undefined ? undefined : breakQuestion(doomed);
    return {
      rows,
      selected: rows.findIndex(({ name }) => name === selected),
      rateOf: (name) => grants.rateOf(name),
      locks: board.size,
      waiters: board.waiters,
      sort,
      reverse,
      now: performance.now(),
      width,
      height,
      inspection: inspected === undefined ? undefined : inspectionLines(lock ?? free, width),
      message: question ?? (trouble === undefined ? this.#message : printable(trouble)),
    };
  }

  readonly #onKey = (text: string | undefined, { name, ctrl }: Key): void => {
    const key = ctrl && name === 'c' ? 'ctrl-c' : (name ?? text ?? '');
    const { sort, reverse } = this.#choices;
    const order = this.#survey.order(sort, reverse);
    const { choices, deed } = press(this.#choices, key, order, process.stdout.rows);
    this.#choices = choices;
    this.#message = undefined;
    if (deed?.do === 'quit') this.#quit.abort();
    else if (deed) void this.#break(deed.name);
    this.#draw();
  };

  async #break(name: string): Promise<void> {
    try {
      const broken = await this.#client.creator(name).forceRelease();
      this.#message = `${broken ? 'taken from its holder' : 'nobody held it'}: ${printable(name)}`;
    } catch (error) {
      if (!(error instanceof LockError)) throw error;
      this.#message = printable(error.message);
    }
    await this.#survey.look(this.#shown().names);
  }
}
