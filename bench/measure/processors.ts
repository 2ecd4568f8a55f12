import { readFileSync } from 'node:fs';

/** The last processor that this process may run on, where there are several; undefined also where nobody tells. */
export function sparedProcessor(status = ownStatus()): number | undefined {
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status) ?? [];
  // As "0-2,5".
  return /[,-]/.test(list) ? Number(/\d+$/.exec(list)?.[0]) : undefined;
}

function ownStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return '';
  }
}
