import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { LockClient } from '../client.ts';
import { LockLostError } from '../errors.ts';
import { memoryBackend } from '../memory/backend.ts';
import { type CommonOptions, withJson } from './options.ts';
import { print, printJson, styled } from './output.ts';

const SEATS = 12;
const CLERKS = ['Ann', 'Ben', 'Cem', 'Dan'];
const READ_MS = 15;
const TTL_MS = 2_000;

/** What the demonstration has come to. */
export interface DemoResult {
  readonly seats: number;
  /** How many were sold by clerks who took no lock. */
  readonly soldWithout: number;
  readonly soldWith: number;
  readonly handoffs: number;
  /** Whether the late write of a holder that had lost its lease was refused for its fencing token. */
  readonly lateWriteRefused: boolean;
}

/** `batonlock demo`: what a lock is good for, in memory and within seconds; no server is needed. */
export function demoCommand(): Command {
  const command = new Command('demo').description('see a lock at work; no server needed');
  return withJson(command).action(async (options: Pick<CommonOptions, 'json'>) => {
    const result = await demonstrate(options.json ? () => {} : print);
    if (options.json) printJson(result);
  });
}

/** Shows it in three acts, a line at a time. */
export async function demonstrate(show: (line: string) => void): Promise<DemoResult> {
  await using client = new LockClient(memoryBackend());
  show(
    styled(
      'bold',
      `1. ${CLERKS.length} clerks sell ${SEATS} seats: each looks what is left, thinks, and writes one less.`,
    ),
  );
  const soldWithout = await sellWithout();
  show(`   sold ${soldWithout} of ${SEATS} seats: they overwrite what the others have written\n`);
  show(styled('bold', '2. The same under a lock. Whoever releases it hands it to the next in line.'));
  const { sold, handoffs } = await sellWith(client, show);
  show(`   sold ${sold} of ${SEATS} seats, ${handoffs} handoffs from one clerk to another, nobody polled\n`);
  show(styled('bold', '3. A holder stands still for longer than its lease, and writes all the same.'));
  const lateWriteRefused = await writeLate(client, show);
  show('\nOn a server it is the same between processes: batonlock run --url redis://… NAME -- COMMAND');
  return { seats: SEATS, soldWithout, soldWith: sold, handoffs, lateWriteRefused };
}

async function sellWithout(): Promise<number> {
  let left = SEATS;
  let sold = 0;
  const clerk = async (): Promise<void> => {
    for (;;) {
      const seen = left;
      if (seen <= 0) return;
      await sleep(READ_MS);
      left = seen - 1;
      sold += 1;
    }
  };
  await Promise.all(CLERKS.map(clerk));
  return sold;
}

async function sellWith(
  client: LockClient,
  show: (line: string) => void,
): Promise<{ sold: number; handoffs: number }> {
  let left = SEATS;
  let sold = 0;
  let handoffs = 0;
  let latest: string | undefined;
  const clerk = async (name: string): Promise<void> => {
    for (;;) {
      await using lock = await client.creator('seats').acquire(TTL_MS);
      const seen = left;
      if (seen <= 0) return;
      await sleep(READ_MS);
      left = seen - 1;
      sold += 1;
      if (latest !== undefined && latest !== name) handoffs += 1;
      latest = name;
      show(`   ${name} sells seat ${String(SEATS - left).padStart(2)}, fencing token ${lock.fencingToken}`);
    }
  };
  await Promise.all(CLERKS.map(clerk));
  return { sold, handoffs };
}

/** The fence of a store that compares. */
async function writeLate(client: LockClient, show: (line: string) => void): Promise<boolean> {
  let highest = 0;
  const write = (fencingToken: number): boolean => {
    if (fencingToken < highest) return false;
    highest = fencingToken;
    return true;
  };
  const creator = client.creator('report');
  const first = await creator.acquire(300);
  show(`   Ann gets a lease of 300 ms, token ${first.fencingToken}, and stands still`);
  const second = await creator.acquire(TTL_MS);
  show(`   Ben waits, and gets it when hers has run out, token ${second.fencingToken}`);
  write(second.fencingToken);
  const reason: unknown = first.signal.reason;
  show(`   Ann goes on; her signal says: ${reason instanceof LockLostError ? reason.message : 'nothing'}`);
  const refused = !write(first.fencingToken);
  show(
    `   she writes all the same: ${refused ? 'refused, her token is lower than one that was seen' : 'accepted'}`,
  );
  await second.release();
  return refused;
}
