import { defineConfig, type TestProjectConfiguration } from 'vitest/config';

const ALL = ['tests/**/*.test.ts'];
/** Where a server with an extension is named, what a load must survive runs against that as well. */
const ENGINES = ['citus', 'timescale'].filter(
  (name) => (process.env[`TEST_${name.toUpperCase()}_URL`] ?? '') !== '',
);
const again = (engine: string): TestProjectConfiguration => ({
  extends: true,
  test: {
    name: engine,
    env: { BACKHAUL_TEST_ENGINE: engine },
    // Two-phase commits and tables on three nodes take their time.
    testTimeout: 600_000,
    include: ['tests/survive/{crash,company}.test.ts', 'tests/e2e/same_table.test.ts'],
  },
});

export default defineConfig(({ mode }) => ({
  test: {
    // A project adds its own to what stands here.
    ...(ENGINES.length === 0 ? { include: ALL } : {}),
    globalSetup: ['tests/database_server.ts'],
    setupFiles: ['tests/seed.ts'],
    // Processes: tests start Piscina threads of their own, which worker threads of vitest would nest.
    pool: 'forks',
    // Files of a process share what they import, a third of the time of a small one: no module keeps state of a test.
    isolate: false,
    // Each may load on several threads and has a database to itself, so two files keep two cores busy; the third fills the
    // pauses of those that wait for a lease to be over or a server to come back: a fifth less of the clock.
    maxWorkers: 3,
    testTimeout: 180_000,
    hookTimeout: 120_000,
    // `npm run test:long`, on any system's shell.
    env: mode === 'long' ? { BACKHAUL_LONG: '1' } : {},
    ...(ENGINES.length === 0
      ? {}
      : { projects: [{ extends: true, test: { name: 'plain', include: ALL } }, ...ENGINES.map(again)] }),
  },
}));
