import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { backoffMs } from '../../src/core/backoff.ts';

describe('the backoff', () => {
  afterEach(() => void vi.restoreAllMocks());

  it('lies between 0 and the base doubled with each attempt, and never above the longest', () => {
    const base = fc.integer({ min: 1, max: 2_147_483_647 });
    const longest = fc.integer({ min: 1, max: 100_000 });
    fc.assert(
      fc.property(fc.nat(1_000_000), base, longest, (attempt, baseMs, longestMs) => {
        const backoff = backoffMs(attempt, baseMs, longestMs);
        expect(backoff).toBeGreaterThanOrEqual(0);
        expect(backoff).toBeLessThanOrEqual(Math.min(longestMs, baseMs * 2 ** attempt));
      }),
    );
  });

  it('uses the whole range: full jitter', () => {
    const random = vi.spyOn(Math, 'random');
    random.mockReturnValue(0);
    expect(backoffMs(3, 100)).toBe(0);
    random.mockReturnValue(0.5);
    expect([0, 1, 2, 3].map((attempt) => backoffMs(attempt, 100))).toEqual([50, 100, 200, 400]);
  });

  it('goes no further than 10 s unless told', () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    expect(backoffMs(6, 100)).toBe(6_400);
    expect(backoffMs(7, 100)).toBe(10_000);
    expect(backoffMs(1_000_000, 100)).toBe(10_000);
    expect(backoffMs(1_000_000, 100, 250)).toBe(250);
  });
});
