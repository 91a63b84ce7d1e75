import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { jsonLines, runCli, scratchFolder } from '../commands/run_cli.ts';
import { testDatabase } from '../database.ts';

const database = await testDatabase();
const cwd = scratchFolder();
mkdirSync(join(cwd, 'data'));
const BARS = Array.from({ length: 48 }, (_, hour) => `${1_704_067_200 + hour * 3600},10,12,9,11,5,3`).join(
  '\n',
);

it('runs a chain, stops a job where a step fails, and goes on from there', async () => {
  writeFileSync(join(cwd, '.env'), 'FOLDER=./data\n');
  writeFileSync(
    join(cwd, 'jobs.yaml'),
    `database: \${MARKET}
notify: 'command:cat >> told.jsonl'
notify-on: [failure, finish]
jobs:
  kraken:
    load: { sources: "\${FOLDER}" }
    scan: { from: 2024, to: 2024-01-03, quick: true }
    validate: { checks: [ohlc] }
  other:
    report: { csv: false }
`.replace('{ csv: false }', 'true'),
  );
  const env = { MARKET: database.url };
  const plan = await runCli(['backfill', 'jobs.yaml', '--dry-run'], { cwd, env });
  expect(plan.stdout).toContain(`kraken/load: backhaul load '\${FOLDER}'\n`);
  expect(plan.stdout + plan.stderr).not.toContain(database.url);
  // Nothing to load there yet: the step fails, and its job with it.
  writeFileSync(join(cwd, 'data', 'XBTUSD_60.csv'), '');
  const broken = await runCli(['backfill', 'jobs.yaml', '--json'], {
    cwd,
    env: { ...env, FOLDER: './nowhere' },
  });
  expect(broken.code).toBe(1);
  expect(jsonLines(broken.stdout).at(-1)).toMatchObject({
    type: 'backfill',
    failed: true,
    failures_in_a_row: 1,
    steps: [
      { step: 'kraken/load', outcome: 'failed' },
      { step: 'kraken/scan', outcome: 'not-run' },
      { step: 'kraken/validate', outcome: 'not-run' },
      { step: 'other/report' },
    ],
  });
  writeFileSync(join(cwd, 'data', 'XBTUSD_60.csv'), `${BARS}\n`);
  const whole = await runCli(['backfill', 'jobs.yaml', '--jobs', 'kraken', '--resume'], { cwd, env });
  expect(whole.stdout).toMatch(/kraken\/load +done +\S.* 48 rows in 1 file/);
  expect(whole.stdout).toMatch(/kraken\/validate +done/);
  expect(whole.code).toBe(0);
}, 120_000);

it('answers a wrong file in one line', async () => {
  writeFileSync(join(cwd, 'wrong.yaml'), 'jobs:\n  a:\n    lod: { sources: x }\n');
  const wrong = await runCli(['backfill', 'wrong.yaml'], { cwd });
  expect(wrong).toMatchObject({ code: 2, stdout: '' });
  expect(wrong.stderr.trim().split('\n')).toEqual([
    expect.stringContaining('wrong.yaml line 3: job a has no key "lod"'),
  ]);
  const schema = await runCli(['backfill', '--schema'], { cwd });
  expect(JSON.parse(schema.stdout)).toMatchObject({ required: ['jobs'] });
});
