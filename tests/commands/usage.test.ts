import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { answerOf } from './in_process.ts';
import { LAUNCHER, runCli, scratchFolder } from './run_cli.ts';

const folder = scratchFolder();
const run = (...args: string[]) => answerOf(args, { cwd: folder });

describe('what cannot be meant', () => {
  it.each([
    [['laod', 'x'], 'unknown command "laod"; did you mean load?', '--help'],
    [['load', 'x', '--wrokers', '3'], 'unknown flag --wrokers; did you mean --workers?', 'load --help'],
    [['load', 'x', '--workers', 'many'], '--workers is "many": expected auto or a number', 'load --help'],
    [['load', 'x', '--workers'], '--workers needs a value', 'load --help'],
    [['load', 'x', '--from', '2024', '--to', '2024'], '--to must be after --from', 'load --help'],
    [['load'], 'an argument is missing; expected load <source..>', 'load --help'],
    [['db'], 'an argument is missing; expected db <start|stop|url|distribute|compress>', 'db --help'],
    [['gaps', 'scna'], 'unexpected argument "scna"; did you mean scan?', 'gaps --help'],
    [['rollup', '5x'], '<intervals> is "5x": expected intervals such as 1m,15m', 'rollup --help'],
    [['load', './nowhere'], 'nowhere', 'load --help'],
    [['load', '.', '--layout', 'krakn'], 'krakn', 'load --help'],
    [['status', 'foo'], 'unexpected argument "foo"', 'status --help'],
    [['query', 'SELECT 1', '--csv', '--json'], 'contradict', 'query --help'],
    [['inspect', './nowhere.csv'], 'nowhere', 'inspect --help'],
    [['inspect', '.'], 'this is a folder', 'inspect --help'],
    [['layouts', 'kraken-ohlvt'], 'did you mean kraken-ohlcvt?', 'layouts --help'],
    [['db', 'strat'], 'did you mean start?', 'db --help'],
    [['--bogus'], 'a command is missing', '--help'],
  ])('%j is answered by one line and exit code 2', async (args, message, help) => {
    const { code, stdout, stderr } = await run(...args);
    expect(stderr).toContain(message);
    expect(stderr).toContain(`backhaul ${help}`);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  it('never repeats a password, and starts no database', async () => {
    const { code, stderr } = await run('load', '.', '--database', 'mysql://me:s3cret@host/db');
    expect(code).toBe(2);
    expect(stderr).not.toContain('s3cret');
    expect(existsSync(join(folder, '.backhaul'))).toBe(false);
  });

  it('is found in the environment and in backhaul.yaml as well, by name', async () => {
    const variable = await answerOf(['load', '.'], { cwd: folder, env: { BACKHAUL_MAX_REJECTS: 'lots' } });
    expect(variable).toMatchObject({ code: 2 });
    expect(variable.stderr).toContain('BACKHAUL_MAX_REJECTS is "lots"');
    const other = scratchFolder();
    writeFileSync(join(other, 'backhaul.yaml'), 'wokers: 4\n');
    const key = await answerOf(['load', '.'], { cwd: other });
    expect(key).toMatchObject({ code: 2 });
    expect(key.stderr).toContain('backhaul.yaml: unknown key "wokers"');
    expect(key.stderr).toContain('did you mean "workers"?');
    const elsewhere = await answerOf(['db', 'url'], { cwd: other });
    expect(elsewhere).toMatchObject({ code: 2 });
  });
});

describe('help', () => {
  it('goes to stdout and names every command', async () => {
    const { code, stdout, stderr } = await run('--help');
    expect(code).toBe(0);
    expect(stderr).toBe('');
    for (const name of ['load', 'status', 'retry', 'query', 'db', 'demo']) {
      expect(stdout).toContain(`backhaul ${name}`);
    }
  });

  it('of load has every flag, its groups, its defaults and the exit codes', async () => {
    const { stdout } = await run('load', '--help');
    const flags = `layout database from to symbols intervals indicators workers max-rejects on-invalid on-conflict
      dry-run json verbose batch-bytes lease-seconds profile endpoint-url region request-payer no-sign-request
      path-style allow-private`;
    for (const flag of flags.split(/\s+/)) expect(stdout).toMatch(new RegExp(`--${flag}\\b`));
    for (const group of ['What to load:', 'Bad and doubled records:', 'S3 and https:']) {
      expect(stdout).toContain(group);
    }
    const flowing = stdout.replace(/\s+/g, ' ');
    expect(flowing).toContain('[default: 1000, and 1% of the file]');
    expect(flowing).toContain('3 finished with rejects');
    expect(stdout).not.toMatch(/\[(string|boolean|array)\]/);
  });

  it('is shown, on stderr and with exit code 2, where there is no command', async () => {
    const { code, stdout, stderr } = await runCli([], { cwd: folder });
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('backhaul load');
  });

  it('has a version', async () => {
    expect((await runCli(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('without a database', () => {
  it('commands that read say what makes one, and exit 1', async () => {
    for (const args of [['status'], ['query', 'SELECT 1'], ['retry']]) {
      const { code, stderr } = await run(...args);
      expect(code).toBe(1);
      expect(stderr).toContain('npx backhaul load');
    }
    expect(existsSync(join(folder, '.backhaul'))).toBe(false);
  });

  it('that answers, the fault says what to check and shows no password', async () => {
    const url = 'postgres://me:s3cret@127.0.0.1:1/db';
    const { code, stderr } = await run('status', '--database', url);
    expect(code).toBe(1);
    expect(stderr).toContain('127.0.0.1:1');
    expect(stderr).toContain('hint:');
    expect(stderr).not.toContain('s3cret');
    expect(stderr).not.toMatch(/^\s+at .*\.ts:\d+/m);
  });
});

/** Another Node on this machine that is too old to run us, if there is one. */
const oldNode = ['/usr/bin/node', '/usr/local/bin/node', '/bin/node'].find((file) => {
  if (!existsSync(file)) return false;
  const version = execFileSync(file, ['--version'], { encoding: 'utf8' });
  const [major = 0, minor = 0] = version.slice(1).split('.').map(Number);
  return major < 22 || (major === 22 && minor < 18);
});

describe.skipIf(oldNode === undefined)('on an old Node', () => {
  it('the Node beside it takes over, with the same answer and exit code', () => {
    const { status, stderr } = spawnSync(oldNode!, [LAUNCHER, 'load', 'x', '--workers', 'many'], {
      encoding: 'utf8',
    });
    expect(stderr).toContain('--workers is "many"');
    expect(status).toBe(2);
  });
});
