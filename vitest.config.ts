import { defineConfig } from 'vitest/config';

export default defineConfig(({ mode }) => ({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/database_server.ts'],
    setupFiles: ['tests/seed.ts'],
    // Processes: tests start Piscina threads of their own, which worker threads of vitest would nest.
    pool: 'forks',
    // Files of a process share what they import, a third of the time of a small one: no module keeps state of a test.
    isolate: false,
    // Two files at a time: each may load on several threads and has a database to itself.
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 120_000,
    // `npm run test:long`, on any system's shell.
    env: mode === 'long' ? { BACKHAUL_LONG: '1' } : {},
  },
}));
