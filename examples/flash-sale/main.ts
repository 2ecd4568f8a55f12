import { MemoryStage } from './memory-stage.ts';
import { readOptions, USAGE, UsageError } from './options.ts';
import { startProgress } from './progress.ts';
import { openRedisStage } from './redis-stage.ts';
import { footnote, summary, table } from './report.ts';
import { CannotRun, exitStatus, type Outcome, type Sale, type Stage } from './sale.ts';
import { figure, styled } from './text.ts';

/** Both rounds and the table; resolves with the exit status. */
async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const { url, buyers, items, processes } = options;
  const stage = url === undefined ? new MemoryStage() : await openRedisStage(url, processes);
  closeOnSignals(stage);
  try {
    console.log(`Flash sale: ${figure(buyers)} buyers, ${figure(items)} items in stock, ${stage.place}\n`);
    const unlocked = await hold('Without a lock', stage, { buyers, items, locked: false });
    const locked = await hold('With batonlock', stage, { buyers, items, locked: true });
    console.log(`${table(unlocked, locked)}\n${footnote(locked)}`);
    const status = exitStatus(locked);
    if (status !== 0) {
      const due = Math.min(buyers, items);
      console.error(
        `The lock has failed: it should have sold ${figure(due)}, it sold ${figure(locked.sold)}.`,
      );
    }
    return status;
  } finally {
    await stage.close();
  }
}

async function hold(title: string, stage: Stage, sale: Sale): Promise<Outcome> {
  console.log(styled('bold', title));
  const progress = startProgress(sale.buyers);
  try {
    const outcome = await stage.hold(sale, (served) => progress.show(served));
    progress.finish();
    console.log(`${summary(outcome)}\n`);
    return outcome;
  } catch (error) {
    progress.abandon();
    throw error;
  }
}

/** Ctrl-C leaves nothing behind either. Signals come twice where npm and tsx pass on what the terminal has sent. */
function closeOnSignals(stage: Stage): void {
  let closing = false;
  const signals = { SIGINT: 130, SIGTERM: 143 } as const;
  for (const [signal, status] of Object.entries(signals)) {
    process.on(signal, () => {
      if (closing) return;
      closing = true;
      void stage.close().finally(() => process.exit(status));
    });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof CannotRun)) throw error;
  console.error(`flash sale: ${error.message}`);
  if (error instanceof UsageError) console.error(`\n${USAGE}`);
  process.exitCode = 2;
}
