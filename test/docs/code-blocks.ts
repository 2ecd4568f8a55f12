import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Code, RootContent } from 'mdast';
import { remark } from 'remark';
import { visit } from 'unist-util-visit';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** One block of code of a page. */
export interface CodeBlock {
  /** From the root of the repository: `docs/recipes.md`. */
  readonly page: string;
  /** Where the block begins in its page. */
  readonly line: number;
  /** What stands behind the backquotes: `ts`, `sh`; empty if nothing does. */
  readonly language: string;
  /** The name of the file that the reader saves it under, if the block names one: `ts worker.ts`. */
  readonly file: string | undefined;
  readonly code: string;
  /** What the page leaves to the reader's imagination, from an invisible `<!-- setup … -->` before the block. */
  readonly setup: string;
  /** What the page says that it prints: a block `text output` behind it. */
  readonly output: string | undefined;
}

const SETUP = /^<!-- setup\n([\s\S]*)-->$/;

/** The pages for users, from the root of the repository. */
export function pages(): string[] {
  const docs = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', ...docs.map((name) => `docs/${name}`)];
}

/** All blocks of code of a page, wherever they stand in it. */
export function codeBlocks(page: string, text = readFileSync(join(ROOT, page), 'utf8')): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  visit(remark().parse(text), 'code', (node, index, parent) => {
    const around: readonly RootContent[] = parent?.children ?? [];
    const at = index ?? 0;
    blocks.push({
      page,
      line: node.position?.start.line ?? 0,
      language: node.lang ?? '',
      file: node.meta ?? undefined,
      code: `${node.value}\n`,
      setup: setupIn(around[at - 1]),
      output: outputIn(around[at + 1]),
    });
  });
  return blocks;
}

function setupIn(node: RootContent | undefined): string {
  return (node?.type === 'html' && SETUP.exec(node.value)?.[1]) || '';
}

function outputIn(node: RootContent | undefined): string | undefined {
  return node && isOutput(node) ? `${node.value}\n` : undefined;
}

function isOutput(node: RootContent): node is Code {
  return node.type === 'code' && node.lang === 'text' && node.meta === 'output';
}
