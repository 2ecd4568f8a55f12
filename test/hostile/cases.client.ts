// Looks at cases of one property: `MODULE INDEX CASES SEED PATIENCE_MS`. Says how far it is, and in the end what came of it.
import { Worker } from 'node:worker_threads';
import type { Property } from './properties.ts';
import { runProperty } from './run.ts';

const BEAT_MS = 50;
const STEP_MS = 250;

const [module = '', index, count, seed, patienceMs] = process.argv.slice(2);
const { PROPERTIES } = (await import(module)) as { PROPERTIES: readonly Property[] };
const property = PROPERTIES[Number(index)];
if (!property) throw new Error(`no property ${index} in ${module}`);

const [beat, cases] = [4, 4].map((bytes) => new Int32Array(new SharedArrayBuffer(bytes))) as [
  Int32Array,
  Int32Array,
];
setInterval(() => Atomics.add(beat, 0, 1), BEAT_MS);
setInterval(() => process.send?.({ type: 'step', cases: Atomics.load(cases, 0) }), STEP_MS);
new Worker(new URL('./watchdog.mjs', import.meta.url), {
  workerData: { beat, cases, patienceMs: Number(patienceMs) },
});
const outcome = await runProperty(property, Number(count), Number(seed), () => Atomics.add(cases, 0, 1));
const mebibytes = Math.round(process.resourceUsage().maxRSS / 1_024);
process.send?.({ type: 'step', cases: outcome.cases, outcome, mebibytes }, () => process.exit());
