import { createHook } from 'node:async_hooks';
import type { Connection } from '../contestants/contestant.ts';
import type { FootprintResult } from '../crew/protocol.ts';

/** Counts what acquisitions of a free lock make in this process besides commands. */
export async function footprint(
  connection: Connection,
  { pairs }: { pairs: number },
): Promise<FootprintResult> {
  const run = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await (await connection.acquire('footprint', 30_000, 3_000)).release();
  };
  let timers = 0;
  let abortControllers = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'Timeout') timers += 1;
    },
  });
  const { AbortController } = globalThis;
  globalThis.AbortController = class extends AbortController {
    constructor() {
      super();
      abortControllers += 1;
    }
  };
  hook.enable();
  try {
    await run(pairs);
  } finally {
    hook.disable();
    globalThis.AbortController = AbortController;
  }
  return { timers, abortControllers };
}
