import type { Connection } from '../contestants/contestant.ts';
import type { CountParams, CountResult } from '../crew/protocol.ts';
import { nowUs } from '../measure/clock.ts';

const WAIT_MS = 60_000;

/** Consumers that count down one item after the other, without a pause, while this process waits for the end. */
export async function count(connection: Connection, params: CountParams): Promise<CountResult> {
  const { name, consumers, items, ttlMs } = params;
  const counter = connection.counter?.(name, ttlMs);
  if (!counter) throw new Error('it cannot count');
  const told = counter.wait(WAIT_MS).then(() => nowUs());
  let lasts = 0;
  let lastAskedUs: number | null = null;
  const consume = async (): Promise<void> => {
    for (let item = 0; item < items; item++) {
      const asked = nowUs();
      if ((await counter.decrement()) > 0) continue;
      lasts += 1;
      lastAskedUs = asked;
    }
  };
  await Promise.all(Array.from({ length: consumers }, consume));
  return { lasts, lastAskedUs, toldUs: await told };
}
