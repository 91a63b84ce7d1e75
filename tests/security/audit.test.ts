import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { scratchFolder } from '../e2e/loading.ts';
import { write } from '../e2e/market.ts';

const folder = scratchFolder();

/** Runs `.ci/audit` with an npm that says this and ends so. */
function audit(name: string, says: string, code: number): { status: number | null; stdout: string } {
  const npm = write(folder, `${name}/npm`, `#!/bin/sh\ncat <<'END'\n${says}\nEND\nexit ${code}\n`);
  chmodSync(npm, 0o755);
  return spawnSync('.ci/audit', {
    env: { PATH: `${dirname(npm)}:${process.env['PATH']}` },
    encoding: 'utf8',
  });
}

const report = (low: number): string =>
  JSON.stringify({ auditReportVersion: 2, metadata: { vulnerabilities: { low, total: low } } });

it('fails CI for a vulnerability, and only notes a registry that gives no report', () => {
  expect(audit('clean', report(0), 0)).toMatchObject({ status: 0, stdout: '' });
  expect(audit('vulnerable', report(1), 1)).toMatchObject({ status: 1, stdout: `${report(1)}\n` });
  for (const [code, says] of [
    [1, '{"message": "405 Method Not Allowed", "statusCode": 405}'],
    [1, ''],
    [0, ''],
  ] as const) {
    const { status, stdout } = audit('none', says, code);
    expect([status, stdout]).toEqual([0, expect.stringContaining('nothing was checked')]);
  }
});
