import { QuorumError } from '../errors.ts';
import type { Server } from './server.ts';

/** What kept servers from doing what they were asked. */
export type Failures = ReadonlyMap<Server, Error>;

/** All servers in their fixed order, and how many of them have to agree. */
export class Servers {
  readonly all: readonly Server[];
  readonly quorum: number;

  constructor(all: readonly Server[], quorum: number) {
    this.all = all;
    this.quorum = quorum;
  }

  get usable(): Server[] {
    return this.all.filter((server) => server.usable);
  }

  /** Whether the user has ended the connections to all of them: none comes back by itself. */
  get ended(): boolean {
    return this.all.every((server) => server.ended);
  }

  /** Where to go: the first that can be asked and is not among `barred`. */
  first(barred?: ReadonlyMap<Server, unknown>): Server | undefined {
    return this.all.find((server) => server.usable && !barred?.has(server));
  }

  /** What is wrong with those that can't be asked. */
  outages(lockName: string): Map<Server, Error> {
    const down = this.all.filter((server) => !server.usable);
    return new Map(down.map((server) => [server, server.outage(lockName)]));
  }

  /** Whether these leave no quorum among the others. */
  lacksQuorum(failures: Failures): boolean {
    return this.all.length - failures.size < this.quorum;
  }

  /** That too few did what they were asked. */
  error(failures: Failures, lockName: string): QuorumError {
    const errors = this.all.flatMap((server) => {
      const error = failures.get(server);
      return error ? [{ server: server.label, error }] : [];
    });
    return new QuorumError(errors, this.quorum, this.all.length, lockName);
  }
}
