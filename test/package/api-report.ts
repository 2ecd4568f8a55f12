import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Extractor, ExtractorConfig, type ExtractorMessage } from '@microsoft/api-extractor';
import { SUBPATHS, type Subpath } from './manifest.ts';

/** What a subpath lets users see. */
export interface ApiReport {
  /** Below the repository. */
  readonly file: string;
  readonly text: string;
  /** Names that it exports. */
  readonly names: readonly string[];
  /** Names that stand in a signature, but are not exported. */
  readonly missing: readonly string[];
}

/** The API of every subpath, read from the declarations in the `dist` of that folder. */
export async function apiReports(root: string): Promise<ApiReport[]> {
  const folder = await mkdtemp(join(tmpdir(), 'batonlock-api-'));
  try {
    const reports: ApiReport[] = [];
    for (const subpath of SUBPATHS) reports.push(await reportOf(subpath, root, folder));
    return reports;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function reportOf({ title, types }: Subpath, root: string, folder: string): Promise<ApiReport> {
  await mkdir(join(folder, 'new'), { recursive: true });
  const mainEntryPointFilePath = join(root, types);
  const missing: string[] = [];
  const problems: string[] = [];
  const result = Extractor.invoke(
    ExtractorConfig.prepare({
      configObject: {
        projectFolder: root,
        mainEntryPointFilePath,
        apiReport: {
          enabled: true,
          reportFileName: title,
          reportFolder: folder,
          reportTempFolder: join(folder, 'new'),
        },
        docModel: { enabled: false },
        dtsRollup: { enabled: false },
        tsdocMetadata: { enabled: false },
        compiler: {
          overrideTsconfig: { compilerOptions: COMPILER_OPTIONS, files: [mainEntryPointFilePath] },
        },
      },
      configObjectFullPath: join(root, 'api-extractor.json'),
      packageJsonFullPath: join(root, 'package.json'),
    }),
    {
      localBuild: true,
      messageCallback: (message) => {
        message.handled = true;
        const [, name] = /^The symbol "([^"]+)" needs to be exported/.exec(message.text) ?? [];
        if (name !== undefined) missing.push(name);
        else if (isProblem(message)) problems.push(message.text);
      },
    },
  );
  if (!result.succeeded || problems.length > 0) throw new Error(`${types}: ${problems.join('\n')}`);
  const text = await readFile(join(folder, `${title}.api.md`), 'utf8');
  const exported = /^export (?:declare |abstract )*(?:class|const|function|interface|type) ([\w$]+)/gm;
  const names = [...text.matchAll(exported)].map(([, name]) => name ?? '');
  return { file: `api/${title}.api.md`, text, names, missing };
}

/** Not the habits of one company's documentation. */
function isProblem({ category, messageId, logLevel }: ExtractorMessage): boolean {
  return logLevel === 'error' || category === 'Compiler' || messageId.startsWith('ae-internal');
}

const COMPILER_OPTIONS = {
  target: 'ES2022',
  lib: ['ES2023', 'ESNext.Disposable'],
  module: 'NodeNext',
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
};
