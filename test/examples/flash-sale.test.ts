import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { exitStatus, type Outcome, oversold } from '../../examples/flash-sale/sale.ts';
import { startRedis } from '../support/redis-server.ts';
import { runExample } from './run-example.ts';

/** What it printed for its two rounds. */
function rounds(output: string) {
  const figures = output.matchAll(/sold ([\d ]+), oversold by ([\d ]+)/g);
  return [...figures].map((round) => round.slice(1).map((text) => Number(text?.replaceAll(/\s/g, ''))));
}

describe('the flash sale', () => {
  it('oversells without the lock and not with it, in memory', async () => {
    const { code, output } = await runExample('flash-sale', '--buyers', '1000', '--items', '50');
    const [without, locked] = rounds(output);
    expect(without?.[1]).toBeGreaterThan(0);
    expect(locked).toEqual([50, 0]);
    expect(code).toBe(0);
  });

  it('does so over 4 processes on Redis, with two commands for each acquisition, and leaves nothing there', async () => {
    await using server = await startRedis();
    const { code, output } = await runExample(
      'flash-sale',
      '--redis',
      server.url,
      '--buyers',
      '1000',
      '--items',
      '50',
    );
    expect(output).toContain('in 4 processes');
    const [without, locked] = rounds(output);
    expect(without?.[1]).toBeGreaterThan(0);
    expect(locked).toEqual([50, 0]);
    expect(output).toMatch(/server commands per acquisition[^\n]*2\.0\d/);
    expect(code).toBe(0);
    const redis = new Redis(server.url);
    expect(await redis.keys('*')).toEqual([]);
    redis.disconnect();
  });

  it('fails when the lock has let one too many in', () => {
    const sale = { buyers: 5_000, items: 200, locked: true };
    const outcome: Outcome = {
      ...{ sale, sold: 200, turnedAway: 4_800, seconds: 1 },
      ...{ waitsUs: [], handoffs: undefined, commands: undefined },
    };
    expect([exitStatus(outcome), oversold(outcome)]).toEqual([0, 0]);
    expect([exitStatus({ ...outcome, sold: 201 }), oversold({ ...outcome, sold: 201 })]).toEqual([1, 1]);
    expect(exitStatus({ ...outcome, sold: 199 })).toBe(1);
  });

  it('says in one line what keeps it from running', async () => {
    const server = await startRedis();
    await server.stop();
    const dead = await runExample('flash-sale', '--redis', server.url);
    expect(dead.code).toBe(2);
    expect(dead.output.trim().split('\n')).toHaveLength(1);
    expect((await runExample('flash-sale', '--buyers', 'many')).code).toBe(2);
  });
});
