import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/database_server.ts'],
    // A process a file: tests start Piscina threads of their own, which worker threads of vitest would nest.
    pool: 'forks',
    // Two files at a time: each may load on several threads and has a database to itself.
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});
