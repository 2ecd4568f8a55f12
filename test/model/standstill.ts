/** How often this process looks whether it gets any time, in ms. */
const LOOK_MS = 20;

/**
 * Takes no failure for one in which this process got no time for `mostMs` at a stretch: then a lease may have run out that it
 * was to refresh, and what came of it says nothing. Says whether it counts.
 */
export async function countsUnlessStopped(mostMs: number, run: () => Promise<void>): Promise<boolean> {
  let longest = 0;
  let last = performance.now();
  const look = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const looking = setInterval(look, LOOK_MS);
  try {
    await run();
    return true;
  } catch (error) {
    look();
    if (longest < mostMs) throw error;
    console.warn(`a failure that does not count: this process got no time for ${Math.round(longest)} ms`);
    return false;
  } finally {
    clearInterval(looking);
  }
}
