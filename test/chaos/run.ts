import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { nowUs } from '../../bench/measure/clock.ts';
import type { LockClient } from '../../src/index.ts';
import { startRedis } from '../support/redis-server.ts';
import type { Arena } from './arenas/arena.ts';
import { CLIENT_FAULTS, CLIENT_KILLED, forced } from './client-faults.ts';
import { connect } from './connect.ts';
import { Crew } from './crew.ts';
import { ENGINES, type EngineName } from './engines.ts';
import { type Run, runFile } from './history.ts';
import { Registers } from './register.ts';
import { inflictAll } from './schedule.ts';
import { LONGEST_TTL_MS, NAMES } from './workload.ts';

export interface RunOptions {
  readonly engine: EngineName;
  readonly minutes: number;
  readonly seed: number;
  /** Where the histories go. */
  readonly folder: string;
  readonly began: (kind: string) => void;
}

/** How long clients go on after the last fault: several of the longest leases. */
const CALM_MS = 5 * LONGEST_TTL_MS;
/** A name must be free again after what may be left of one lease. */
const FREE_WITHIN_MS = 4 * LONGEST_TTL_MS;

/** Lets clients compete while faults befall them and their servers; writes down all that is needed to judge it. */
export async function runChaos(options: RunOptions): Promise<void> {
  const { engine, minutes, seed, folder } = options;
  const { clients, workers, survivesClients, start } = ENGINES[engine];
  const arena = await start(clients);
  const store = await startRedis();
  const registers = new Registers(store.url);
  const wayOf = (client: number) => arena.wayOf(client);
  const onlooker = await connect(arena.clearWay);
  const crew = new Crew({ size: clients, workers, seed, folder, registersUrl: store.url, wayOf });
  try {
    await crew.start();
    const injuries = await inflictAll({
      lanes: [
        survivesClients ? [...CLIENT_FAULTS, CLIENT_KILLED, forced(onlooker.client)] : CLIENT_FAULTS,
        ...arena.lanes,
      ],
      crew,
      seed,
      until: nowUs() + minutes * 60_000_000,
      began: options.began,
    });
    const healedAt = nowUs();
    await pause(CALM_MS);
    await crew.finish();
    const run: Run = {
      ...{ engine, servers: arena.servers, seed, minutes, healedAt, injuries, longestTtlMs: LONGEST_TTL_MS },
      leftovers: survivesClients ? await leftovers(onlooker.client, arena) : [],
      crashes: crew.crashes,
      registers: await registers.values(NAMES),
    };
    writeFileSync(runFile(folder), JSON.stringify(run, null, 1));
  } finally {
    await crew.stop();
    await onlooker.close();
    registers.close();
    await store.stop();
    await arena.stop();
  }
}

/** Every lock can be had, and then nobody holds it or is in line. */
async function leftovers(client: LockClient, arena: Arena): Promise<string[]> {
  const found = await Promise.all(
    NAMES.map(async (name) => {
      const creator = client.creator(name);
      const lock = await creator.acquire(LONGEST_TTL_MS, FREE_WITHIN_MS).catch(String);
      if (typeof lock === 'string') return [`${name}: ${lock}`];
      await lock.release();
      const { holders, waiters } = await creator.inspect();
      return holders.length + waiters === 0 ? [] : [`${name}: ${holders.length} holders, ${waiters} waiters`];
    }),
  );
  return [...found.flat(), ...(await arena.leftovers())];
}
