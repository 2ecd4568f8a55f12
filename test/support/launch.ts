/** How a way of running servers is told to start one; file names in the arguments are relative. */
export interface Launch {
  readonly port: number;
  readonly args: readonly string[];
  readonly files: readonly { readonly name: string; readonly content: string }[];
  /** What the server logs once it has its port; it tells our server from a stranger on the same port. */
  readonly ready: string;
  /** In a container, share the network of this machine, so that servers can be told of each other. */
  readonly hostNetwork: boolean;
  /** Added to the environment; only for a program of the PATH. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** One run of a server, from its start to its end. */
export interface Instance {
  readonly host: string;
  log(): Promise<string>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  kill(): Promise<void>;
  /** Starts it again after it was killed, with the files that it left. */
  revive(): Promise<void>;
  /** Ends it by force and removes what it left. */
  remove(): Promise<void>;
}

export const START_TIMEOUT_MS = 10_000;

/** The start that failed, with the end of the server's log. */
export function startFailure(why: string, log: string): Error {
  const tail = log.trimEnd().split('\n').slice(-20).join('\n');
  return new Error(`the test server did not start: ${why}${tail && `\nits log ends with:\n${tail}`}`);
}
