import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { basename, join } from 'node:path';
import { build, transform } from 'esbuild';
import type { Consumer } from './consumer.ts';
import { MANIFEST, type Subpath } from './manifest.ts';

const FOLDER = join(import.meta.dirname, 'uses');
const TARGET = 'node20.19';

/** The optional packages that a subpath needs, by its title. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  etcd: ['etcd3'],
  opentelemetry: ['@opentelemetry/api'],
};

/** The arguments with which a command of the package prints the package's version. */
export const COMMAND_USES: Readonly<Record<string, readonly string[]>> = { batonlock: ['--version'] };

const REQUIRED_PEERS = Object.keys(MANIFEST.peerDependencies).filter(
  (name) => MANIFEST.peerDependenciesMeta[name]?.optional !== true,
);

/** Titles of the subpaths for which there is a use: one file each. */
export function usesAtHand(): string[] {
  return readdirSync(FOLDER).map((file) => basename(file, '.ts'));
}

export function neededBy({ title }: Subpath): readonly string[] {
  return NEEDED[title] ?? [];
}

export function sourceOf({ title }: Subpath): Promise<string> {
  return readFile(join(FOLDER, `${title}.ts`), 'utf8');
}

/** Ways to load the package. Each writes the use of a subpath and gives the arguments with which Node runs it. */
export const WAYS = {
  async ESM(consumer: Consumer, subpath: Subpath): Promise<string[]> {
    const file = `./esm/${subpath.title}.mjs`;
    await translate(consumer, subpath, 'esm', file);
    return moduleThatRuns(file);
  },

  async 'CommonJS, by require'(consumer: Consumer, subpath: Subpath): Promise<string[]> {
    const file = `./cjs/${subpath.title}.cjs`;
    await translate(consumer, subpath, 'cjs', file);
    const program = `require('${file}').use().then(() => console.log('used'))`;
    return ['--input-type=commonjs', '-e', program];
  },

  async 'a bundle'(consumer: Consumer, subpath: Subpath): Promise<string[]> {
    const file = `./bundle/${subpath.title}.mjs`;
    await bundle(consumer, subpath, file);
    return moduleThatRuns(file);
  },
};

async function translate(consumer: Consumer, subpath: Subpath, format: 'esm' | 'cjs', file: string) {
  const { code } = await transform(await sourceOf(subpath), { loader: 'ts', target: TARGET, format });
  await consumer.write(file, code);
}

async function bundle(consumer: Consumer, subpath: Subpath, file: string): Promise<void> {
  const source = file.replace(/\.mjs$/, '.ts');
  await consumer.write(source, await sourceOf(subpath));
  // Optional packages that are not installed are not listed: bundlers have to do without them, too.
  const external = [...REQUIRED_PEERS, ...neededBy(subpath)];
  const { metafile } = await build({
    absWorkingDir: consumer.folder,
    entryPoints: [source],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: TARGET,
    external,
    metafile: true,
    logLevel: 'silent',
  });
  const outside = Object.values(metafile.outputs)
    .flatMap(({ imports }) => imports)
    .filter(({ path, kind }) => kind === 'import-statement' && !isBuiltin(path) && !external.includes(path));
  if (outside.length > 0) throw new Error(`not in the bundle: ${outside.map(({ path }) => path)}`);
}

function moduleThatRuns(file: string): string[] {
  const program = `import { use } from '${file}'; await use(); console.log('used')`;
  return ['--input-type=module', '-e', program];
}
