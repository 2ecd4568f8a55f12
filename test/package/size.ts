// Prints what a bundle with a lock on Redis weighs, and which parts of the library that is.
import { gzipSync } from 'node:zlib';
import Table from 'cli-table3';
import { build } from 'esbuild';
import { MANIFEST } from './manifest.ts';
import { ROOT } from './tarball.ts';

const GOAL_KIB = 15;
const KIB = 1_024;

const { outputFiles, metafile } = await build({
  absWorkingDir: ROOT,
  stdin: { contents: `export { LockCreator } from './dist/index.js'`, resolveDir: ROOT },
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'esm',
  external: Object.keys(MANIFEST.peerDependencies),
  write: false,
  metafile: true,
});
const [bundle] = outputFiles;
const [output] = Object.values(metafile.outputs);
if (!bundle || !output) throw new Error('esbuild has made no bundle');

const parts = new Map<string, number>();
for (const [file, { bytesInOutput }] of Object.entries(output.inputs)) {
  const part = partOf(file);
  parts.set(part, (parts.get(part) ?? 0) + bytesInOutput);
}

const table = new Table({
  head: ['part', 'minified'],
  style: { head: [], border: [] },
  colAligns: ['left', 'right'],
});
for (const [part, bytes] of [...parts].sort(([, one], [, other]) => other - one)) {
  if (bytes > 0) table.push([part, inKiB(bytes)]);
}
table.push(['all of it', inKiB(bundle.contents.length)]);
console.log(table.toString());

const compressed = gzipSync(bundle.contents, { level: 9 }).length;
const verdict = compressed <= GOAL_KIB * KIB ? 'met' : 'missed';
console.log(`LockCreator on Redis, without peers: ${inKiB(compressed)} minified and compressed (gzip)`);
console.log(`goal of ${GOAL_KIB} KiB: ${verdict}`);

/** `dist/redis/scripts/acquire-share.js` is one of the scripts of shares. */
function partOf(file: string): string {
  const [, part = file] = /^dist\/([^/]+)/.exec(file) ?? [];
  if (part !== 'redis') return file.startsWith('dist/') ? part : 'p-defer';
  if (/scripts\/.*share/.test(file)) return 'redis: scripts of semaphores';
  if (/count/.test(file)) return 'redis: counters';
  return file.includes('scripts/') ? 'redis: scripts of mutexes' : 'redis: client';
}

function inKiB(bytes: number): string {
  return `${(bytes / KIB).toFixed(1)} KiB`;
}
