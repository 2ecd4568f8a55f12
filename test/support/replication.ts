import { type Address, ask } from './ask.ts';
import { until } from './wait.ts';

/** Until the replicas have all that the master has been told so far. */
export async function replicated(master: Address, replicas: readonly Address[]): Promise<void> {
  const offset = await offsetOf(master, 'master_repl_offset');
  for (const replica of replicas) {
    await until(async () => (await offsetOf(replica, 'slave_repl_offset')) >= offset, {
      what: 'replication',
    });
  }
}

async function offsetOf(server: Address, field: string): Promise<number> {
  const info = await ask(server, 'INFO replication');
  return Number(new RegExp(`${field}:(\\d+)`).exec(info)?.[1] ?? Number.NaN);
}
