import { defineConfig } from 'vitest/config';

// CI counts from a report; a person reads the terminal.
const report = process.env.BATON_TEST_REPORT;

const shared = { testTimeout: 30_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    globalSetup: 'test/support/provision.ts',
    // Most of the time a test waits for a server, so one more than the smallest machine has cores.
    maxWorkers: 3,
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
    projects: [
      { test: { ...shared, name: 'ioredis 6', env: { IOREDIS_MAJOR: '6' }, include: ['test/**/*.test.ts'] } },
      {
        // The engine's own tests once more, against the oldest major we support.
        resolve: { alias: { ioredis: 'ioredis5' } },
        test: {
          ...shared,
          name: 'ioredis 5',
          env: { IOREDIS_MAJOR: '5' },
          include: ['test/{conformance,backends,faults,model,primitives}/**/*.test.ts'],
        },
      },
    ],
  },
});
