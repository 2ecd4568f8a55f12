import { describe, expect, it } from 'vitest';
import { startRedis } from '../support/redis-server.ts';
import { runExample } from './run-example.ts';

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The lines of Prometheus' text format that are no comments. */
function samples(lines: readonly string[]): Sample[] {
  return lines.flatMap((line) => {
    const [, name, labels = '', value] = /^(batonlock_\w+)\{(.*)\} (\S+)(?: \d+)?$/.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', text = '']) => [key, text]);
    return [{ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) }];
  });
}

describe.each(['memory', 'Redis'])('on %s', (engine) => {
  it('the locks of the example can be read as Prometheus reads them', async () => {
    await using server = engine === 'Redis' ? await startRedis() : undefined;
    const { code, lines, output } = await runExample('metrics', ...(server ? ['--redis', server.url] : []));
    expect(code, output).toBe(0);
    const read = samples(lines);
    const sum = (name: string, labels: Record<string, string> = {}) =>
      read
        .filter((sample) => sample.name === `batonlock_${name}`)
        .filter((sample) => Object.entries(labels).every(([key, text]) => sample.labels[key] === text))
        .reduce((total, { value }) => total + value, 0);
    const stock = { batonlock_label: 'stock', batonlock_engine: engine.toLowerCase() };
    const grants = sum('grants_total', stock);
    // The sleeper, who came after it, and each worker at least once.
    expect(grants).toBeGreaterThanOrEqual(6);
    expect(sum('grants_total', { ...stock, batonlock_wake: 'handoff' })).toBeGreaterThan(0);
    expect(sum('grants_total', { ...stock, batonlock_wake: 'poke' })).toBeGreaterThanOrEqual(1);
    expect(sum('pokes_total', { batonlock_label: 'stock', batonlock_reason: 'due' })).toBeGreaterThanOrEqual(
      1,
    );
    expect(sum('losses_total', stock)).toBe(1);
    expect(sum('timeouts_total', stock)).toBe(1);
    // Each that was granted or timed out has waited; each that was granted has been released, or lost.
    expect(sum('wait_count', { ...stock, batonlock_outcome: 'granted' })).toBe(grants);
    expect(sum('wait_count', { ...stock, batonlock_outcome: 'timeout' })).toBe(1);
    expect(sum('hold_count', { ...stock, batonlock_end: 'released' })).toBe(grants - 1);
    expect(sum('hold_count', { ...stock, batonlock_end: 'lost' })).toBe(1);
    expect(sum('hold_sum', { ...stock, batonlock_end: 'lost' })).toBeGreaterThan(1.9);
    expect(sum('held', { batonlock_label: 'fleet' })).toBe(1);
    expect(sum('held', stock)).toBe(0);
    expect(sum('waiting', stock)).toBe(0);
    // Labels have few values: no lock's own name is among them.
    expect(output).not.toContain('bolts-');
  });
});

it('says in one line that the server cannot be used', async () => {
  const server = await startRedis();
  await server.stop();
  const { code, lines } = await runExample('metrics', '--redis', server.url);
  expect(lines[1]).toMatch(/^metrics: Redis does not answer/);
  expect(lines).toHaveLength(2);
  expect(code).toBe(2);
});
