import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { QUICK } from '../../bench/bench.ts';
import { OURS } from '../../bench/contestants/registry.ts';
import { allowed, bind, divide, statusOf } from '../../bench/measure/processors.ts';
import { onStage } from '../../bench/stage.ts';

it.each([
  ['0-1', { server: 1, clients: [0] }],
  ['0-2,5', { server: 5, clients: [0, 1, 2] }],
  ['2,10', { server: 10, clients: [2] }],
  ['3', undefined],
])('divides the processors %s into %j', (list, processors) => {
  expect(divide(`Cpus_allowed:\tf\nCpus_allowed_list:\t${list}\nMems_allowed:\t1\n`)).toEqual(processors);
});

it('divides nothing where the system does not tell', () => {
  expect(divide('')).toBeUndefined();
});

it.each([false, true])(
  'keeps server and clients apart, unless they may move (floating: %s)',
  async (floating) => {
    await onStage({ ...QUICK, floating }, [OURS], async ({ server, crews }) => {
      const own = allowed(statusOf('self'));
      const expected = floating ? undefined : divide();
      expect(server.processors).toEqual(expected);
      const [worker] = await crews.muster(OURS, 1);
      expect(allowed(statusOf(worker?.pid ?? 0))).toEqual(expected?.clients ?? own);
      const redis = new Redis(server.url);
      try {
        const configured = await redis.config('GET', 'server_cpulist');
        expect(configured).toEqual(['server_cpulist', String(expected?.server ?? '')]);
        // In a container it has another process id than here.
        if (server.way !== 'binary') return;
        const [, pid] = /^process_id:(\d+)/m.exec(await redis.info('server')) ?? [];
        expect(allowed(statusOf(pid ?? 0))).toEqual(expected ? [expected.server] : own);
      } finally {
        redis.disconnect();
      }
    });
  },
);

it('says what is missing when a process cannot be bound', async () => {
  await expect(bind(process.pid, [1_000_000])).rejects.toThrow('taskset');
});
