// The package has types, but its "exports" keep the compiler from finding them.
declare module 'redlock' {
  import type { Redis } from 'ioredis';

  class Redlock {
    constructor(clients: Redis[], settings: { retryDelay: number; retryJitter: number; retryCount: number });
    acquire(
      names: string[],
      ttlMs: number,
      settings: { retryCount: number },
    ): Promise<{ release(): Promise<unknown> }>;
    using(names: string[], ttlMs: number, task: () => Promise<void>): Promise<unknown>;
  }

  // biome-ignore lint/style/noDefaultExport: that is what the package has.
  export { Redlock as default };
}
