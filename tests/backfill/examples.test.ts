import { cpSync, globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { answerOf } from '../commands/in_process.ts';
import { scratchFolder } from '../commands/run_cli.ts';

const cwd = scratchFolder();

it.each(globSync('deploy/jobs/*.yaml'))(
  '%s is a file of jobs, and each of its flags is known',
  async (path) => {
    cpSync(path, join(cwd, basename(path)));
    const env = { FLATFILES: '/data', SLACK_URL: 'https://hooks.slack.com/services/T0/B0/secret' };
    const { code, stdout, stderr } = await answerOf(['backfill', basename(path), '--dry-run'], { cwd, env });
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^kraken\/scan: backhaul gaps scan/m);
    expect(stdout + stderr).not.toContain('secret');
  },
);
