import type { TestProject } from 'vitest/node';
import type { ServerChoice } from './choose-servers.ts';
import { beginRun, endRun } from './run.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    servers: ServerChoice;
  }
}

/** Vitest's global setup: decides once per run how servers start, says so, and sweeps up in the end. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const run = await beginRun().catch(stopPlainly);
  console.log(run.choice.line);
  project.provide('servers', run.choice);
  return () => endRun(run);
}

/** What is missing is no fault of the code: the one line says it, and a stack would only bury it. */
function stopPlainly(error: unknown): never {
  if (error instanceof Error) error.stack = error.message;
  throw error;
}
