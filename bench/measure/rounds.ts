/**
 * Runs everybody once in each round, so that whatever drifts hits all alike. From round to round the neighbours change, since who
 * has just been measured still collects garbage and compiles.
 */
export async function interleave<T>(
  contenders: readonly T[],
  rounds: number,
  run: (contender: T, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const contender of inOrder(contenders, round)) await run(contender, round);
  }
}

/**
 * Of n rounds of n, each begins with another, and with an even n everybody follows everybody else exactly once. With an odd n it is
 * half of the others, twice each, and with three always the same; the mirror image in every other round would mend that. E. J. Williams,
 * "Experimental designs balanced for the estimation of residual effects of treatments", 1949.
 */
function inOrder<T>(items: readonly T[], round: number): T[] {
  const count = items.length;
  const zigzag = items.map((_, place) => (place % 2 === 1 ? (place + 1) / 2 : count - place / 2));
  return zigzag.map((step) => items[(step + round) % count] as T);
}
