// The real timers, kept from the start: a test may put fake ones in their place.
const { setTimeout: startTimer, clearTimeout: stopTimer } = globalThis;
const now = performance.now.bind(performance);

const POLL_MS = 5;

export interface UntilOptions {
  /** What is waited for, for the error: "the replica to be in sync". */
  what: string;
  /** Milliseconds, 10 000 by default. */
  timeout?: number;
}

/** Polls until the condition holds and gives back what it returned; an error of the condition ends the wait. */
export async function until<T>(
  condition: () => T | Promise<T>,
  { what, timeout = 10_000 }: UntilOptions,
): Promise<NonNullable<T>> {
  const inVain = new Error(`waited ${timeout} ms in vain for ${what}`);
  const end = now() + timeout;
  for (;;) {
    // At least one millisecond, so that a condition which holds is found to hold even at the very end.
    const value = await race(Math.max(end - now(), 1), inVain, async () => condition());
    if (value) return value;
    if (now() >= end) throw inVain;
    await new Promise<void>((resolve) => startTimer(resolve, POLL_MS));
  }
}

/** Rejects when the work takes longer than `ms`; the work itself goes on unheeded. */
export function within<T>(ms: number, what: string, work: () => Promise<T>): Promise<T> {
  return race(ms, new Error(`waited ${ms} ms in vain for ${what}`), work);
}

async function race<T>(ms: number, inVain: Error, work: () => Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timedOut = new Promise<never>((_, reject) => {
    timer = startTimer(() => reject(inVain), ms);
  });
  try {
    return await Promise.race([work(), timedOut]);
  } finally {
    stopTimer(timer);
  }
}
