/**
 * Runs everybody once in each round, so that whatever drifts hits all alike; who comes first moves on by one with
 * each round, so that nobody always follows the same neighbour's heat.
 */
export async function interleave<T>(
  contenders: readonly T[],
  rounds: number,
  run: (contender: T, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const contender of rotated(contenders, round)) await run(contender, round);
  }
}

export function rotated<T>(items: readonly T[], by: number): T[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
