import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { sparedProcessor } from '../../bench/measure/processors.ts';
import { BenchServer } from '../../bench/server.ts';

it.each([
  ['0-1', 1],
  ['0-2,5', 5],
  ['2,10', 10],
  ['3', undefined],
])('of the processors %s the server has %s', (list, processor) => {
  expect(sparedProcessor(`Cpus_allowed:\tf\nCpus_allowed_list:\t${list}\nMems_allowed:\t1\n`)).toBe(
    processor,
  );
});

it('is bound to none where the system does not tell', () => {
  expect(sparedProcessor('')).toBeUndefined();
});

it.each([false, true])('runs on one processor, unless it may move (floating: %s)', async (floating) => {
  const server = await BenchServer.start({ floating });
  const redis = new Redis(server.url);
  try {
    const expected = floating ? undefined : sparedProcessor();
    expect(server.processor).toBe(expected);
    expect(await redis.config('GET', 'server_cpulist')).toEqual(['server_cpulist', String(expected ?? '')]);
    if (server.way !== 'binary') return;
    const [, pid = ''] = /^process_id:(\d+)/m.exec(await redis.info('server')) ?? [];
    const own = sparedProcessor();
    expect(sparedProcessor(readFileSync(`/proc/${pid}/status`, 'utf8'))).toBe(floating ? own : undefined);
  } finally {
    redis.disconnect();
    await server.stop();
  }
});
