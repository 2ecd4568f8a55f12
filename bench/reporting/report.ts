import type { Machine, Results } from '../results.ts';
import { budgetTable } from './budget-table.ts';
import { scenarioTables } from './scenario-tables.ts';
import { type Table, toMarkdown } from './table.ts';

const METHOD = `One run on one server; contestants take turns in rounds, so that whatever drifts hits all alike; from
round to round the neighbours change, who may still be collecting garbage, except where there are only three. Figures are medians of the rounds, with
the lowest and the highest in brackets; percentiles are of an HDR histogram of each round.

- **The server has a processor for itself**, as if it had a machine of its own, and the clients have the others. Where all may move,
  two processes and a server keep one rhythm for seconds at a time, and how fast it is depends on whom the kernel has put where, and
  not on the code: \`npm run bench -- --floating\` shows it.
- **Handoff**: from the instant before the release call to the instant at which the acquire of the next holder has
  returned in another process, by the machine's monotonic clock, where the next holder was waiting already. Workers
  hold the lock by a timer and think for a uniform number of whole ms, 0 to one less than they hold. **Over the bare hop**:
  the same round's p50 over that of a message that goes around between as many processes by PUBLISH, each holding it
  for as long as the lock is held. The budget is on two processes with one
  worker each, at each hold time. All contestants have handed over for two seconds before. **Bare handoff**: a lock of
  the calls that our scripts make and nothing around them, without a check, a timeout or a repair, measured where two
  processes hand a lock back and forth, and uncontended with one in flight: what our protocol takes without a library.
- **Commands, out of order**: one more round of each under MONITOR, which is exact but slow, so nothing is timed in it.
  Commands that scripts call do not count, only what came over the wire. An acquisition's place in line is that of
  its first command in the server's record; a grant is out of order if somebody with an earlier place got the lock later.
  Who names itself anew with each try (simple-redis-mutex) shows there only in part, so grants to somebody who had called
  100 ms after another who still waited count as well, if they are more.
- **Overlaps**: pairs of holds of which the second began, after its acquire had returned, before the first had called
  its release; and grants whose fencing token is not above the one before, where there is a token.
- **Longest wait / share**: over the time in which each contender could have had the lock once.
- **Uncontended**: halves of pairs that ended within a window, in one process. **Best bare pair**:
  with or without ioredis' auto-pipelining, whichever is faster at that level, ours too; against peers, all as they come,
  that is without. With one in flight ours stays awake for the answer (the option \`spin\`), which the others do not: **bare pair,
  awake** is what the bare pair comes to in a process that never sleeps, and the CPU time of the client what that costs.
- **Everybody at 2 × 1, 4 × 5, 4 × 25 and 4 × 100 with 1 ms; the other hold times ours only.** Crowds are ours only.
- Libraries that retry do so every 10 ms, the default of the fastest: with their own defaults most would be far slower.`;

/** The run as a page of Markdown. */
export function report(results: Results): string {
  const { machine, budgets, scenarios, failures } = results;
  return [
    '# Benchmark',
    `${results.date}${results.quick ? ', a quick run: not for conclusions' : ''}. ${machine.cores} cores of ${machine.cpu}, ` +
      `${machine.memoryGiB} GiB, ${machine.kernel}, Node.js ${machine.node}, Redis ${machine.redis} (${machine.redisRunsAs}), ${places(machine)}. ` +
      `${results.rounds} rounds or more, ${Math.round(results.seconds)} s in all.`,
    section(budgetTable(budgets)),
    ...(scenarios.handoff ? [PLOTS] : []),
    section(contestantTable(results)),
    '## What was measured, and how',
    METHOD,
    ...scenarioTables(scenarios, failures).map(section),
    '',
  ].join('\n\n');
}

function places({ processors }: Machine): string {
  if (!processors) return 'server and clients on any processor';
  return `the server on processor ${processors.server}, clients on ${processors.clients.join(', ')}`;
}

const PLOTS = ['handoff-latency', 'commands', 'waits', 'throughput']
  .map((name) => `![${name.replace('-', ' ')}](${name}.svg)`)
  .join('\n\n');

function section({ title, note, ...table }: Table): string {
  return [`## ${title}`, toMarkdown(table), ...(note === undefined ? [] : [note])].join('\n\n');
}

function contestantTable({ contestants, packages }: Results): Table {
  const others = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  return {
    title: 'Contestants',
    words: true,
    head: ['', 'version', 'how it waits'],
    rows: contestants.map(({ id, version, note }) => [id, version ?? '', note]),
    note: `With ${others.join(', ')}.`,
  };
}
