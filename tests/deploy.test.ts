import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { validate as validateContainerfile } from 'dockerfile-utils';
import { CronJob } from 'kubernetes-models/batch/v1/CronJob';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { LOAD_DEFAULTS } from '../src/load/defaults.ts';

/** What lies under `deploy` is read by the tools it is for, or by their published schemas. */

describe('systemd units', () => {
  const isThere = spawnSync('systemd-analyze', ['--version']).status === 0;
  const verified = (paths: readonly string[]): string => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', ...paths], { encoding: 'utf8' });
    return `${status} ${stderr}`.trim();
  };

  it.skipIf(!isThere)('are what systemd-analyze has nothing to say of (skipped where it is not)', () => {
    expect(verified(globSync('deploy/systemd/*.{service,timer}'))).toBe('0');
  });

  it.each(globSync('deploy/systemd/*.service'))(
    '%s leaves a load more time than it takes to drain',
    (path) => {
      const text = readFileSync(path, 'utf8');
      const seconds = (pattern: RegExp): number => Number(pattern.exec(text)![1]);
      expect(seconds(/^TimeoutStopSec=(\d+)$/m)).toBeGreaterThanOrEqual(
        2 * seconds(/BACKHAUL_DRAIN_SECONDS=(\d+)$/m),
      );
    },
  );
});

describe('Kubernetes manifests', () => {
  interface Pod {
    readonly terminationGracePeriodSeconds: number;
  }
  const read = (name: string): Record<string, unknown> =>
    parse(readFileSync(`deploy/kubernetes/${name}`, 'utf8')) as Record<string, unknown>;
  const job = read('load-job.yaml');
  const cron = read('nightly-cronjob.yaml');

  it('are a Job and a CronJob by the published schema', () => {
    new Job(job as never).validate();
    new CronJob(cron as never).validate();
  });

  it('would be found out if they were not', () => {
    const spec = { ...(job['spec'] as object), completions: 'four' };
    expect(() => new Job({ ...job, spec } as never).validate()).toThrow(/completions/);
  });

  it('give a pod more time than a load takes to drain', () => {
    const at = (from: unknown, path: string): unknown =>
      path.split('.').reduce((value, key) => (value as Record<string, unknown>)[key], from);
    for (const pod of [at(job, 'spec.template.spec'), at(cron, 'spec.jobTemplate.spec.template.spec')])
      expect(1000 * (pod as Pod).terminationGracePeriodSeconds).toBeGreaterThan(2 * LOAD_DEFAULTS.drainMs);
  });
});

describe('the Containerfile', () => {
  const text = readFileSync('deploy/Containerfile', 'utf8');

  it('is one, and copies only what is there', () => {
    expect(validateContainerfile(text)).toEqual([]);
    const copied = [...text.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, paths]) =>
      paths!.split(' '),
    );
    expect(copied.length).toBeGreaterThan(3);
    expect(copied.filter((path) => globSync(path).length === 0)).toEqual([]);
  });
});

describe('the Slurm script', () => {
  it('is one that its shell can read', () => {
    expect(spawnSync('bash', ['-n', 'deploy/slurm/load.sbatch'], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
  });
});
