import type { CommandLink } from './command-link.ts';
import type { Connection } from './connection.ts';

/**
 * Listens to the errors of a connection of ours. Failures reach whoever waits for an answer; without a listener ioredis would
 * print each. But it goes on in database 0 when the server refuses the one that was asked for, and locks there would be others.
 */
export function guardDatabase(redis: Connection, link: CommandLink): void {
  redis.on('error', (error: Error) => {
    if ('command' in error && Reflect.get(Object(error.command), 'name') === 'select') link.refuse(error);
  });
}
