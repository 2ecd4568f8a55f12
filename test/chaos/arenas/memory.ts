import type { Arena } from './arena.ts';

/** No servers: all is in the one process of the only client. */
export function memoryArena(): Arena {
  const way = { url: 'memory:chaos' };
  return {
    wayOf: () => way,
    servers: 'none',
    clearWay: way,
    lanes: [],
    leftovers: async () => [],
    stop: async () => {},
  };
}
