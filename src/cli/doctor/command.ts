import { Command } from 'commander';
import { quorumServers } from '../../backend-from-url.ts';
import { connect, isRedisScheme } from '../../connect.ts';
import { LockBackendError } from '../../errors.ts';
import { readServerFacts } from '../../redis/server-facts.ts';
import { schemeOf } from '../../url.ts';
import { connected, urlOf } from '../connection.ts';
import { EXIT } from '../exit-status.ts';
import { type CommonOptions, withCommonOptions } from '../options.ts';
import { outputWidth, print, printJson, styled } from '../output.ts';
import { tableLines } from '../table.ts';
import { printable } from '../text.ts';
import { type Finding, findingsOf } from './findings.ts';
import { tryAll } from './trials.ts';

/** A finding, and the server that it is about; none for what was tried over the whole engine. */
export interface ServerFinding extends Finding {
  readonly server?: string;
}

/** `batonlock doctor`: whether locks work there, and what to change. */
export function doctorCommand(): Command {
  const command = new Command('doctor').description('check the server, and say what to change');
  return withCommonOptions(command).action(async (options: CommonOptions) => {
    const findings: ServerFinding[] = await connected(options, ({ client, backend }) =>
      tryAll(client, backend),
    );
    for (const url of redisServers(urlOf(options))) findings.push(...(await lookAt(url)));
    if (options.json) printJson(...findings);
    else print(...reportLines(findings, outputWidth()));
    process.exitCode = findings.some(({ verdict }) => verdict === 'change') ? EXIT.no : EXIT.done;
  });
}

/** The servers whose settings can be asked for: etcd has none of these, memory none at all. */
function redisServers(url: string): string[] {
  const scheme = schemeOf(url);
  if (isRedisScheme(scheme)) return [url];
  return scheme === 'redlock' || scheme === 'redlocks' ? quorumServers(url) : [];
}

async function lookAt(url: string): Promise<ServerFinding[]> {
  const connection = connect(url);
  // Failures reach us as the answers to what is asked.
  connection.on('error', () => {});
  try {
    const servers = await readServerFacts(connection);
    return servers.flatMap((facts) =>
      findingsOf(facts).map((finding) => ({ server: facts.server, ...finding })),
    );
  } catch (error) {
    if (!(error instanceof LockBackendError)) throw error;
    return [
      { check: 'settings', found: 'not to be had', verdict: 'change', advice: printable(error.message) },
    ];
  } finally {
    connection.disconnect();
  }
}

const COLUMNS = [
  { head: '' },
  { head: 'CHECK' },
  { head: 'FOUND', flexible: true },
  { head: 'SERVER' },
] as const;
const SIGNS = { ok: '✓', note: '•', change: '✗' } as const;
const COLOURS = { ok: 'green', note: 'yellow', change: 'red' } as const;

/** The findings for people, and then what to do about them. */
export function reportLines(findings: readonly ServerFinding[], width: number): string[] {
  const rows = findings.map(({ check, found, verdict, server = '' }) => [
    SIGNS[verdict],
    check,
    found,
    server,
  ]);
  const [head = '', ...lines] = tableLines(COLUMNS, rows, width);
  const coloured = lines.map((line, index) => styled(COLOURS[findings[index]?.verdict ?? 'ok'], line));
  return [styled('bold', head), ...coloured, ...adviceLines(findings)];
}

function adviceLines(findings: readonly ServerFinding[]): string[] {
  const section = (title: string, wanted: Finding['verdict']): string[] => {
    const chosen = findings.filter(({ verdict }) => verdict === wanted);
    const lines = chosen.map(
      ({ check, server, advice }) => `  ${server ? `${server} ` : ''}${check}: ${advice ?? ''}`,
    );
    return lines.length > 0 ? ['', styled('bold', title), ...new Set(lines)] : [];
  };
  const advice = [...section('To change:', 'change'), ...section('To consider:', 'note')];
  return advice.length > 0 ? advice : ['', 'Nothing to change.'];
}
