import { join } from 'node:path';
import type { Consumer } from './consumer.ts';
import type { Subpath } from './manifest.ts';
import { ROOT } from './tarball.ts';
import { sourceOf } from './uses.ts';

interface Compilation {
  readonly title: string;
  /** Path of the compiler, in the consumer or in this repository. */
  readonly compiler: (consumer: Consumer) => string;
  readonly options: object;
  /** Extensions of the files: `.cts` is CommonJS. */
  readonly extensions: readonly ('.ts' | '.cts')[];
}

// Ours, and the last one that still knows a life without esModuleInterop.
const TYPESCRIPT_7 = () => join(ROOT, 'node_modules/typescript/bin/tsc');
const TYPESCRIPT_5 = ({ folder }: Consumer) => join(folder, 'node_modules/typescript/bin/tsc');
const STRICTEST = {
  strict: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  target: 'ES2022',
  types: ['node'],
};

/** How users compile. All check the declarations of packages, too. */
export const COMPILATIONS: readonly Compilation[] = [
  {
    title: 'TypeScript 7 for Node',
    compiler: TYPESCRIPT_7,
    options: { ...STRICTEST, module: 'nodenext' },
    extensions: ['.ts', '.cts'],
  },
  {
    title: 'TypeScript 7 for a bundler',
    compiler: TYPESCRIPT_7,
    options: { ...STRICTEST, module: 'esnext', moduleResolution: 'bundler' },
    extensions: ['.ts'],
  },
  {
    title: 'TypeScript 5 for Node, without esModuleInterop',
    compiler: TYPESCRIPT_5,
    options: { ...STRICTEST, module: 'nodenext', esModuleInterop: false },
    extensions: ['.ts', '.cts'],
  },
  {
    title: 'TypeScript 5 for a bundler, without esModuleInterop',
    compiler: TYPESCRIPT_5,
    options: {
      ...STRICTEST,
      module: 'esnext',
      moduleResolution: 'bundler',
      esModuleInterop: false,
      allowSyntheticDefaultImports: false,
    },
    extensions: ['.ts'],
  },
];

/** What the compiler has to say about the uses of these subpaths; nothing, if all is well. */
export async function compile(
  consumer: Consumer,
  { compiler, options, extensions }: Compilation,
  subpaths: readonly Subpath[],
): Promise<string> {
  const folder = 'types';
  const files: string[] = [];
  for (const subpath of subpaths) {
    for (const extension of extensions) {
      const file = `${subpath.title}${extension}`;
      files.push(file);
      await consumer.write(`${folder}/${file}`, await sourceOf(subpath));
    }
  }
  await consumer.write(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions: options, files }));
  return consumer.complaints(compiler(consumer), folder);
}
