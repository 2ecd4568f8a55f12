import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** Who runs where. */
export interface Processors {
  /** One for the server alone, as if it had a machine of its own. */
  readonly server: number;
  /** All others that this process may use. */
  readonly clients: readonly number[];
}

/** Divides the processors, where there are several; undefined also where nobody tells how many there are. */
export function divide(status = statusOf('self')): Processors | undefined {
  const clients = allowed(status);
  const server = clients.pop();
  return server === undefined || clients.length === 0 ? undefined : { server, clients };
}

/** The processors that a process may use, of what Linux says of its status. */
export function allowed(status: string): number[] {
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status) ?? [];
  // As "0-2,5".
  return list.split(',').flatMap((range) => {
    const [first = Number.NaN, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 || 0 }, (_, i) => first + i);
  });
}

/** Binds a process with all its threads to these processors. */
export async function bind(pid: number, processors: readonly number[]): Promise<void> {
  try {
    await promisify(execFile)('taskset', [
      '--all-tasks',
      '--cpu-list',
      '--pid',
      processors.join(','),
      String(pid),
    ]);
  } catch (error) {
    throw new Error('taskset (of util-linux) did not bind a process to its processors', { cause: error });
  }
}

/** What Linux says of a process; nothing elsewhere. */
export function statusOf(pid: string | number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}
