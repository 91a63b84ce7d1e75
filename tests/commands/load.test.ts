import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeTickers, massiveFile, startWalks } from '../../src/sample/massive_sample.ts';
import { testDatabase } from '../database.ts';
import { answerOf } from './in_process.ts';
import { jsonLines, runCli, scratchFolder } from './run_cli.ts';

const database = await testDatabase();
const bare = await testDatabase({ content: 'empty' });
const folder = scratchFolder();
const run = (args: string[], env: Record<string, string> = {}) =>
  answerOf(args, { cwd: folder, env: { DATABASE_URL: database.url, ...env } });

/** Twelve days of one pair, a record a day. */
function pairFile(closes: readonly string[]): string {
  const day = 86_400;
  return closes.map((close, i) => `${1_711_929_600 + i * day},100,101,99,${close},5,2\n`).join('');
}

const GOOD = Array.from({ length: 12 }, (_, i) => String(100 + (i % 2)));
const DAY = 'us_stocks_sip/minute_aggs_v1/2024/04/2024-04-01.csv.gz';

function put(path: string, content: string | Uint8Array): string {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), content);
  return path;
}

describe('load', () => {
  beforeAll(() => {
    put('good/XBTUSD_1440.csv', pairFile(GOOD));
    const tickers = makeTickers(8);
    const day = [...massiveFile(tickers, startWalks(tickers), 1_711_929_600 + 4 * 3600, () => {})].join('');
    put(`good/${DAY}`, gzipSync(day));
  });

  it('shows in a dry run what it would do, and does nothing', async () => {
    const { code, stdout } = await run(['load', 'good', '--dry-run']);
    expect(stdout).toMatch(/XBTUSD_1440\.csv +kraken-ohlcvt +kraken XBTUSD 1d .* new/);
    expect(stdout).toMatch(/2024-04-01\.csv\.gz +massive-aggs +us_stocks_sip \* 1m .* new/);
    expect(stdout).toContain('2 files');
    expect(code).toBe(0);
    const { rows } = await database.pool.query('SELECT count(*) AS tasks FROM backhaul.task');
    expect(rows).toEqual([{ tasks: 0 }]);
  });

  it('shows in a dry run what it would do in a database that has no tables yet', async () => {
    const { code, stdout, stderr } = await run(['load', 'good', '--dry-run'], { DATABASE_URL: bare.url });
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('2 files');
  });

  it('tells what was loaded on stdout, exit code 0; the second time there is nothing to do', async () => {
    const first = await run(['load', 'good', '--log-file', 'log.jsonl']);
    expect(first.stderr).toContain('2 to load');
    const log = readFileSync(join(folder, 'log.jsonl'), 'utf8').trimEnd().split('\n');
    const events = log.map(
      (line) => JSON.parse(line) as { type: string; at: string; rows: { loaded: number } },
    );
    expect(events.filter(({ type }) => type === 'task')).toHaveLength(2);
    expect(events.at(-1)).toMatchObject({ type: 'summary', tasks: { loaded: 2 } });
    expect(events.every(({ at }) => Math.abs(Date.parse(at) - Date.now()) < 600_000)).toBe(true);
    expect(first.stdout).toMatch(/^Loaded [\d,]+ rows in /);
    expect(first.code).toBe(0);
    expect(first.stdout + first.stderr).not.toContain('\x1b');
    const second = await run(['load', 'good']);
    expect(second.stdout).toMatch(
      /^Nothing to do: all 2 files are loaded already \(good\)\nDue again: .*--reload loads all again\.\n$/,
    );
    expect(second.code).toBe(0);
  });

  it('speaks JSON lines, each with a type, the summary last', async () => {
    put('json/ETHUSD_1440.csv', pairFile(GOOD));
    const { code, stdout } = await run(['load', 'json', '--json']);
    const lines = jsonLines(stdout);
    expect(lines.every((line) => typeof line['type'] === 'string')).toBe(true);
    expect(lines.at(-1)).toMatchObject({
      type: 'summary',
      rows: { read: 12, loaded: 12, rejected: 0 },
      tasks: { loaded: 1, failed: 0 },
      first_ts: '2024-04-01T00:00:00.000000Z',
      last_ts: '2024-04-12T00:00:00.000000Z',
      nothing_to_do: false,
    });
    expect(code).toBe(0);
  });

  it('sets a bad record aside, says which and why, exit code 3', async () => {
    put('rejects/LTCUSD_1440.csv', pairFile([...GOOD.slice(0, 11), '-7']));
    const { code, stdout } = await run(['load', 'rejects', '--max-rejects', '1']);
    expect(stdout).toContain('rejects    1 record');
    expect(stdout).toMatch(/1 price: .*LTCUSD_1440\.csv, line 12, field close: \d+,100,101,99,-7,5,2/);
    expect(code).toBe(3);
    const kept = await run(['query', 'SELECT reason, line, field FROM reject', '--csv']);
    expect(kept.stdout).toBe('reason,line,field\nprice,12,close\n');
  });

  it('fails a damaged file by name, loads the others, exit code 3; retry and the same load mend it', async () => {
    put('mixed/SOLUSD_1440.csv', pairFile(GOOD));
    const whole = readFileSync(join(folder, 'good', DAY));
    const day = DAY.replaceAll('2024-04-01', '2024-04-02');
    put(`mixed/${day}`, whole.subarray(0, whole.length / 2));
    const { code, stdout, stderr } = await run(['load', 'mixed']);
    expect(code).toBe(3);
    expect(stdout).toMatch(/1 loaded, 1 failed/);
    expect(stdout).toMatch(/failed .*2024-04-02\.csv\.gz\n/);
    expect(stdout + stderr).not.toMatch(/^\s+at .*\.[jt]s:\d+/m);

    const status = await run(['status']);
    expect(status.code).toBe(0);
    expect(status.stdout).toMatch(/^failed +1 /m);
    expect(status.stdout).toMatch(/failed .*2024-04-02\.csv\.gz/);
    expect(jsonLines((await run(['status', '--json'])).stdout)[0]).toMatchObject({
      type: 'status',
      states: { failed: { tasks: 1 } },
    });

    expect((await run(['retry', 'no-such-file'])).stdout).toContain('No failed file matches');
    const retry = await run(['retry', '04-02']);
    expect(retry.stdout).toContain('1 file back to pending.');
    expect(retry.stdout).toContain('npx backhaul load mixed');
    copyFileSync(join(folder, 'good', DAY), join(folder, 'mixed', day));
  });

  it('drains at SIGINT, says how to go on, exit code 130; the same command finishes', async () => {
    const tickers = makeTickers(8);
    const standing = startWalks(tickers);
    for (let i = 0; i < 25; i++) {
      const midnight = 1_717_977_600 + i * 86_400;
      const date = new Date(midnight * 1000).toISOString().slice(0, 10);
      const day = [...massiveFile(tickers, standing, midnight + 4 * 3600, () => {})].join('');
      put(
        `many/us_stocks_sip/minute_aggs_v1/${date.slice(0, 4)}/${date.slice(5, 7)}/${date}.csv.gz`,
        gzipSync(day),
      );
    }
    let pressed = 0;
    const ended = await runCli(['load', 'many', '--workers', '1', '--verbose'], {
      cwd: folder,
      env: { DATABASE_URL: database.url },
      onOutput: (child, said) => {
        if (pressed > 0 || !/^loaded /m.test(said)) return;
        // Three at once, as a terminal and npm would send them, are one.
        for (; pressed < 3; pressed++) child.kill('SIGINT');
      },
    });
    expect(pressed).toBe(3);
    expect(ended.stderr).not.toContain('Stopping at once');
    expect(ended.stdout).toMatch(/^Interrupted\. Loaded /);
    expect(ended.stdout).toContain('The same command carries on');
    expect(ended.code).toBe(130);
    const again = await run(['load', 'many']);
    expect(again.code).toBe(0);
    const tasks = await run(['query', "SELECT DISTINCT state FROM task WHERE uri LIKE '%/many/%'", '--csv']);
    expect(tasks.stdout).toBe('state\nloaded\n');
  });
});
