// Looks from another thread whether the main one still comes round. If not, says where it is, and ends the process: nothing
// else gets it out of there without harm.
import { writeSync } from 'node:fs';
import { Session } from 'node:inspector';
import { workerData } from 'node:worker_threads';

const STDERR = 2;
const { beat, cases, patienceMs } = workerData;
const session = new Session();
session.connectToMainThread();
// A frame has only the number of its script.
const urls = new Map();
session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => urls.set(scriptId, url));

let last = -1;
session.on('Debugger.paused', ({ params }) => {
  if (Atomics.load(beat, 0) !== last) {
    // It was slow, and no more than that.
    session.post('Debugger.resume');
    session.post('Debugger.disable');
    return;
  }
  const frames = params.callFrames.map(({ functionName, location: { scriptId, lineNumber } }) => {
    return `    at ${functionName || '<anonymous>'} (${urls.get(scriptId)}:${lineNumber + 1})`;
  });
  // What Node itself does in between is not to blame.
  const stack = frames.filter((frame) => !frame.includes('(node:')).join('\n');
  writeSync(STDERR, `\n${JSON.stringify({ cases: Atomics.load(cases, 0), stack })}\n`);
  process.kill(process.pid, 'SIGKILL');
});

setInterval(() => {
  const now = Atomics.load(beat, 0);
  if (now === last) {
    session.post('Debugger.enable');
    session.post('Debugger.pause');
  }
  last = now;
}, patienceMs);
