import Table from 'cli-table3';
import { build } from 'hdr-histogram-js';
import { RUSH_MS } from './buyers.ts';
import { type Outcome, oversold } from './sale.ts';
import { LONGEST_THOUGHT_MS } from './shop.ts';
import { figure, styled } from './text.ts';

const NOTHING = '–';

/** What the figures do not tell by themselves. */
export function footnote({ commands }: Outcome): string {
  const rate = `All buyers come within ${RUSH_MS} ms, and those who find stock think for up to ${LONGEST_THOUGHT_MS} ms:
the rate is that of this sale, not the most that the lock can do.`;
  if (commands === undefined) return rate;
  return `${rate}\nHandoffs and commands are the server's own counts, for all its clients.`;
}

/** What a round came to, in one line. */
export function summary(outcome: Outcome): string {
  const excess = oversold(outcome);
  const text = `  sold ${figure(outcome.sold)}, oversold by ${figure(excess)}`;
  return styled(excess > 0 ? 'red' : 'green', text);
}

/** The figures of both rounds side by side. */
export function table(unlocked: Outcome, locked: Outcome): string {
  const head = ['', 'without a lock', 'with batonlock'];
  const chars = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };
  const rows = new Table({
    head,
    chars,
    colAligns: ['left', 'right', 'right'],
    style: { head: [], border: [] },
  });
  const before = figures(unlocked);
  const after = figures(locked);
  for (const label of Object.keys(before)) rows.push([label, before[label] ?? '', after[label] ?? '']);
  return rows.toString();
}

function figures(outcome: Outcome): Record<string, string> {
  const { sold, turnedAway, seconds, waitsUs, handoffs, commands } = outcome;
  const count = waitsUs.length;
  const waits = build();
  for (const wait of waitsUs) waits.recordValue(wait);
  const ifLocked = (value: number | undefined, show: (value: number) => string): string =>
    count === 0 || value === undefined ? NOTHING : show(value);
  const asMs = (us: number): string => `${figure(us / 1_000, 1)} ms`;
  return {
    sold: figure(sold),
    'told "sold out"': figure(turnedAway),
    'oversold by': figure(oversold(outcome)),
    'time taken': `${figure(seconds, 2)} s`,
    acquisitions: ifLocked(count, figure),
    'acquisitions per second': ifLocked(count / seconds, figure),
    'wait for the lock, p50': ifLocked(waits.getValueAtPercentile(50), asMs),
    'wait for the lock, p99': ifLocked(waits.getValueAtPercentile(99), asMs),
    'handoffs (granted in line, not found free)': ifLocked(handoffs, figure),
    'server commands per acquisition': ifLocked(commands, (sent) => figure(sent / count, 2)),
  };
}
