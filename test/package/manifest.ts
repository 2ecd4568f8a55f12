import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './tarball.ts';

interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** package.json. */
export const MANIFEST = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;

/** A way into the package: what users import, and what it is called in files about it. */
export interface Subpath {
  /** `batonlock/etcd`. */
  readonly specifier: string;
  /** `etcd`; `index` for the package itself. */
  readonly title: string;
  /** `dist/etcd/backend.d.ts`. */
  readonly types: string;
  /** `dist/etcd/backend.js`. */
  readonly code: string;
}

/** Every way into the package that has code behind it. */
export const SUBPATHS: readonly Subpath[] = Object.entries(MANIFEST.exports).flatMap(([path, target]) =>
  typeof target === 'string'
    ? []
    : {
        specifier: path.replace('.', 'batonlock'),
        title: path === '.' ? 'index' : path.slice('./'.length),
        types: target.types.slice('./'.length),
        code: target.default.slice('./'.length),
      },
);
