import CliTable from 'cli-table3';

/** Figures in rows, to be shown on a terminal or in Markdown. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What the figures do not say by themselves. */
  readonly note?: string;
  /** All columns are text, and not only the first. */
  readonly words?: boolean;
}

export function toMarkdown({ head, rows, words = false }: Omit<Table, 'title'>): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 || words ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

export function toTerminal({ title, head, rows, note, words = false }: Table): string {
  const table = new CliTable({
    head: [...head],
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    colAligns: head.map((_, column) => (column === 0 || words ? 'left' : 'right')),
    style: { head: [], border: [] },
  });
  for (const row of rows) table.push([...row]);
  return [title, table.toString(), ...(note === undefined ? [] : [note])].join('\n');
}
