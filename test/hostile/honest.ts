import type { Clock } from '../../src/core/clock.ts';
import type { CommandKind } from './fake-redis.ts';

/** When the server's clock read this, in µs, ours read 0. */
const EPOCH_US = 1_763_000_000_000_000;

/** The server's time, in µs. */
export function serverUs(clock: Clock): number {
  return EPOCH_US + Math.round(clock.now() * 1_000);
}

/** What a server says where all is well: locks are free, and are granted. */
export function consent(kind: CommandKind, args: readonly unknown[], clock: Clock): unknown {
  const us = serverUs(clock);
  switch (kind) {
    case 'acquire':
    case 'acquireShare':
      return us;
    case 'inspect':
      return `${us} 0 ${us}`;
    case 'count':
      return args[0] === 'read' ? `${us} 0 1000` : '0';
    case 'info':
      return 'maxmemory_policy:noeviction';
    case 'ping':
      return 'PONG';
    default:
      return 1;
  }
}

/** A place in line, behind a lease that ends `leftMs` after the server's time `us`. */
export function queuedBehind(leftMs: number, us: number): string {
  return `queued ${Math.floor(us / 1_000) + leftMs} ${us} ${us}`;
}

/** What a server says when somebody else has the lock, or when there is nothing of what it is asked for. */
export function refusal(kind: CommandKind, args: readonly unknown[], clock: Clock): unknown {
  const us = serverUs(clock);
  const leaseEnd = Math.round(us / 1_000) + 50;
  switch (kind) {
    case 'acquire':
    case 'acquireShare':
      return args.includes('try') ? null : queuedBehind(50, us);
    case 'adopt':
      return 'held 50 other.1.ab:1:50';
    case 'inspect':
      return `${us} 1 ${us} ${leaseEnd} other.1.ab:1:50`;
    case 'count':
      return args[0] === 'read' ? `${us} 5 1000` : '5';
    case 'ssubscribe':
      return 1;
    default:
      return 0;
  }
}
