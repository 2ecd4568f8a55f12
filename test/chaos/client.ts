// One client process: works until it is told to finish, or is killed. Its only argument is an Order.
import { subscribe } from 'node:diagnostics_channel';
import { nowUs } from '../../bench/measure/clock.ts';
import type { AcquireMessage } from '../../src/index.ts';
import { Chance } from './chance.ts';
import { connect, type Way } from './connect.ts';
import { type Entry, HistoryWriter } from './history.ts';
import { Registers } from './register.ts';
import { type Workplace, work } from './worker.ts';
import type { Pace } from './workload.ts';

/** How many of a process go about it in which way. */
export type Workers = Readonly<Record<Pace, number>>;

export interface Order {
  readonly way: Way;
  readonly registersUrl: string;
  readonly file: string;
  readonly seed: number;
  readonly workers: Workers;
}

export type ToClient = { readonly type: 'finish' } | { readonly type: 'stall'; readonly ms: number };
export type FromClient = { readonly type: 'working' } | { readonly type: 'stalled' };

const PULSE_MS = 20;
const STANDSTILL_US = 60_000;

const order = JSON.parse(process.argv[2] ?? '') as Order;
const { client, close } = await connect(order.way);
const registers = new Registers(order.registersUrl);
let beat = nowUs();
const history = new (class extends HistoryWriter {
  /** Who is killed right after what it was late for has no pulse any more to say that it stood still before. */
  override write(entry: Entry): void {
    if (entry[0] === 'ended') look(entry[2]);
    super.write(entry);
  }
})(order.file);
let finishing = false;
let ids = 0;

const pulse = setInterval(() => {
  const now = nowUs();
  look(now);
  beat = now;
}, PULSE_MS);

function look(now: number): void {
  if (now - beat <= STANDSTILL_US) return;
  history.write(['stood still', beat, now]);
  beat = now;
}

const told = new Map<string, string>();
subscribe('tracing:batonlock:acquire:asyncEnd', (message) => {
  const { result, wake } = message as AcquireMessage;
  if (result && wake) told.set(result.owner, wake);
});

const place: Workplace = {
  client,
  registers,
  history,
  finishing: () => finishing,
  nextId: () => ++ids,
  toldBy(owner) {
    const by = told.get(owner) ?? '';
    told.delete(owner);
    return by;
  },
};

process.on('message', (message: ToClient) => {
  if (message.type === 'finish') {
    finishing = true;
    return;
  }
  const end = nowUs() + message.ms * 1_000;
  while (nowUs() < end);
  send({ type: 'stalled' });
});
// The run has died: nobody reads on.
process.on('disconnect', () => {
  if (!finishing) process.exit(1);
});

function send(message: FromClient): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

const { varied, brisk } = order.workers;
const workers = Array.from({ length: varied + brisk }, (_, index) =>
  work(place, new Chance(order.seed + index), index < varied ? 'varied' : 'brisk'),
);
send({ type: 'working' });
await Promise.all(workers);
await close();
registers.close();
clearInterval(pulse);
history.write(['finished', nowUs()]);
history.close();
// No `process.exit`: whatever the library left open would keep the process from ending.
if (process.connected) process.disconnect();
