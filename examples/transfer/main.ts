// npx tsx examples/transfer/main.ts [--redis URL]
//
// Tellers move money between accounts, each transfer under the locks of both accounts. One teller takes from the first
// account what another takes from the second, so locks taken in the order of the transfer would soon wait in a circle.
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { LockClient, memoryBackend } from '../../src/index.ts';

const TRANSFERS = 50;
const { values } = parseArgs({ options: { redis: { type: 'string' } } });

const balances = new Map([
  ['alice', 1_000],
  ['bob', 1_000],
  ['carol', 1_000],
]);
const names = [...balances.keys()];

function total(): number {
  return [...balances.values()].reduce((sum, balance) => sum + balance, 0);
}

async function transfer(locks: LockClient, from: string, to: string, amount: number): Promise<void> {
  await using both = await locks.acquireAll([from, to], 10_000, 5_000, { group: 'account' });
  const [source, target] = [balances.get(from) ?? 0, balances.get(to) ?? 0];
  // Whoever else changed one of them now would have changed it in vain.
  await pause(Math.random() * 2);
  both.assertHeld();
  balances.set(from, source - amount);
  balances.set(to, target + amount);
}

async function teller(locks: LockClient): Promise<void> {
  for (let count = 0; count < TRANSFERS; count++) {
    const from = Math.floor(Math.random() * names.length);
    const to = (from + 1 + Math.floor(Math.random() * (names.length - 1))) % names.length;
    await transfer(locks, names[from] ?? '', names[to] ?? '', 1 + Math.floor(Math.random() * 100));
  }
}

const before = total();
const tellers = Array.from({ length: 4 }, () => {
  return new LockClient(values.redis ?? memoryBackend({ space: 'bank' }));
});
try {
  await Promise.all(tellers.map(teller));
} finally {
  await Promise.all(tellers.map((locks) => locks.close()));
}
for (const [name, balance] of balances) console.log(`${name.padEnd(6)} ${String(balance).padStart(6)}`);
console.log(
  `total  ${String(total()).padStart(6)} after ${tellers.length * TRANSFERS} transfers, ${before} before`,
);
process.exitCode = total() === before ? 0 : 1;
