import { defineConfig } from 'vitest/config';

const shared = { testTimeout: 30_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    globalSetup: 'test/support/provision.ts',
    maxWorkers: 2,
    projects: [
      { test: { ...shared, name: 'ioredis 6', include: ['test/**/*.test.ts'] } },
      {
        // The engine's own tests once more, against the oldest major we support.
        resolve: { alias: { ioredis: 'ioredis5' } },
        test: {
          ...shared,
          name: 'ioredis 5',
          include: ['test/{conformance,backends,faults}/**/*.test.ts'],
        },
      },
    ],
  },
});
