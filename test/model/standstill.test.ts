import { expect, it, vi } from 'vitest';
import { countsUnlessStopped } from './standstill.ts';

const failure = new Error('a step went wrong');

function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

it('a failure counts', async () => {
  const run = () => Promise.reject(failure);
  await expect(countsUnlessStopped(200, run)).rejects.toBe(failure);
});

it('a failure does not count when the process got no time', async () => {
  const warn = vi.spyOn(console, 'warn').mockReturnValue();
  const run = async () => {
    standStill(250);
    throw failure;
  };
  expect(await countsUnlessStopped(200, run)).toBe(false);
  expect(warn).toHaveBeenCalledWith(expect.stringMatching(/no time for \d{3,} ms/));
  warn.mockRestore();
});

it('what goes well counts, whether or not the process got time', async () => {
  expect(await countsUnlessStopped(200, async () => standStill(250))).toBe(true);
});
