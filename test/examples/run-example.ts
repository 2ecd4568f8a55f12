import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Ran {
  readonly code: number;
  /** What it printed, on both streams. */
  readonly output: string;
  readonly lines: readonly string[];
}

/** Runs an example as its users do, in a process of its own. */
export async function runExample(name: string, ...args: string[]): Promise<Ran> {
  const { REDIS_URL: _, ...env } = process.env;
  const command = ['--import', 'tsx', `examples/${name}/main.ts`, ...args];
  const child = spawn(process.execPath, command, { cwd: ROOT, env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [code] = (await once(child, 'close')) as [number];
  return { code, output, lines: output.trim().split('\n') };
}
