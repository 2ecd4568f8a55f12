import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { packageVersion } from '../contestants/registry.ts';
import type { Machine } from '../results.ts';
import type { BenchServer } from '../server.ts';

export type Host = Omit<Machine, 'redis' | 'redisRunsAs' | 'processors'>;

export async function describeMachine(server: BenchServer): Promise<Machine> {
  return {
    ...describeHost(),
    redis: await server.version(),
    redisRunsAs: server.way,
    processors: server.processors ?? null,
  };
}

export function describeHost(): Host {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    node: process.version.slice(1),
  };
}

/** Versions of what contestants and figures rest on. */
export function packageVersions(): Record<string, string> {
  const names = ['ioredis', 'redis', 'hdr-histogram-js', 'echarts'];
  return Object.fromEntries(
    names.map((name) => [
      name,
      packageVersion(new URL(`../../node_modules/${name}/package.json`, import.meta.url)),
    ]),
  );
}
