import { type Clock, pause } from '../core/clock.ts';

/** What is asked for, or after `ms` the error of `late`: ioredis may never settle a command, or later than anybody cares. */
export async function answerWithin<T>(
  clock: Clock,
  ms: number,
  asked: Promise<T>,
  late: () => Error,
): Promise<T> {
  const patience = pause(clock, ms);
  let answered = false;
  const lateness = patience.done.then(() => {
    if (!answered) throw late();
  });
  try {
    return await Promise.race([asked, lateness as Promise<never>]);
  } finally {
    answered = true;
    patience.stop();
  }
}
