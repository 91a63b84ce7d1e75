import { describe, expect, it } from 'vitest';
import { openReadQuery } from '../../src/database/read_query.ts';
import { testDatabase } from '../database.ts';
import { answerOf } from './in_process.ts';
import { jsonLines, runCli, scratchFolder } from './run_cli.ts';

const database = await testDatabase();
const folder = scratchFolder();
const query = (sql: string, ...flags: string[]) =>
  answerOf(['query', sql, ...flags], { cwd: folder, env: { DATABASE_URL: database.url } });

describe('query', () => {
  it('prints a table on stdout, and nothing else there', async () => {
    const { code, stdout, stderr } = await query(
      `SELECT 1.5::float8 AS price, 'NA' AS symbol, NULL AS nothing`,
    );
    expect(stdout).toBe('price  symbol  nothing\n  1.5  NA\n');
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });

  it('finds the tables of schema backhaul by their bare names, and shows times in UTC', async () => {
    const found = await query('SELECT count(*) AS series FROM series');
    expect(found.stdout).toBe('series\n     0\n');
    const time = await query(`SELECT timestamptz '2024-04-01 09:30 America/New_York' AS ts`);
    expect(time.stdout).toContain('2024-04-01 13:30:00+00');
  });

  it('gives at most 1,000 rows as a table and says that there are more', async () => {
    const { stdout, stderr } = await query('SELECT g FROM generate_series(1, 1001) g');
    expect(stdout.trim().split('\n')).toHaveLength(1 + 1000);
    expect(stderr).toContain('--csv');
  });

  it('gives all rows as CSV, by COPY or not', async () => {
    const copied = await query(`SELECT g, 'a"b' AS t FROM generate_series(1, 3000) g;`, '--csv');
    expect(copied.stdout.trim().split('\n')).toHaveLength(1 + 3000);
    expect(copied.stdout).toMatch(/^g,t\n1,"a""b"\n/);
    const shown = await query('SHOW server_encoding', '--csv');
    expect(shown.stdout).toBe('server_encoding\nUTF8\n');
  });

  it('gives all rows as JSON lines of type row', async () => {
    const { stdout } = await query(
      'SELECT g, g / 2.0::float8 AS half FROM generate_series(1, 3000) g',
      '--json',
    );
    const rows = jsonLines(stdout);
    expect(rows).toHaveLength(3000);
    expect(rows[2]).toEqual({ type: 'row', row: { g: 3, half: 1.5 } });
  });

  it('reads and never writes, whatever the text', async () => {
    for (const sql of [
      'CREATE TABLE intruder (a int)',
      'COMMIT; CREATE TABLE intruder (a int)',
      'SELECT 1; COMMIT; CREATE TABLE intruder (a int)',
      'WITH made AS (INSERT INTO backhaul.series (venue, symbol, interval_s) VALUES (1, 1, 1)) SELECT 1',
    ]) {
      const { code, stderr } = await query(sql);
      expect(code, sql).toBe(1);
      expect(stderr, sql).toMatch(/read-only|multiple commands/);
    }
    const escaping = await query(
      'SELECT 1) TO STDOUT; COMMIT; CREATE TABLE intruder (a int); COPY (SELECT 1',
      '--csv',
    );
    expect(escaping.code).toBe(1);
    const { rows } = await database.pool.query(
      `SELECT (SELECT count(*) FROM pg_class WHERE relname = 'intruder') AS tables,
              (SELECT count(*) FROM backhaul.series) AS series`,
    );
    expect(rows).toEqual([{ tables: 0, series: 0 }]);
  });

  it('says where in the SQL the fault is, without a stack trace', async () => {
    const { code, stdout, stderr } = await query('SELECT 1,\n  foo FROM pg_class');
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toBe(
      'backhaul: column "foo" does not exist at line 2, column 3, before "foo FROM pg_class"\n',
    );
    expect((await query('SELECT 1/0')).stderr).toBe('backhaul: division by zero\n');
  });

  it('gives up after the time it was given', async () => {
    const { code, stderr } = await query('SELECT pg_sleep(60)', '--timeout-seconds', '1');
    expect(code).toBe(1);
    expect(stderr).toContain('timeout');
  });

  it('ends with Ctrl-C, and so does the statement', async () => {
    let pressed = false;
    const sql = `SELECT g, pg_sleep(CASE WHEN g > 4000 THEN 60 ELSE 0 END) FROM generate_series(1, 5000) g`;
    const { code, stderr } = await runCli(['query', sql, '--json'], {
      cwd: folder,
      env: { DATABASE_URL: database.url },
      onOutput: (child) => {
        if (!pressed) child.kill('SIGINT');
        pressed = true;
      },
    });
    expect(stderr).toBe('');
    expect(code).toBe(130);
  });

  it('fetches nothing more once it was cancelled, though nothing ran just then', async () => {
    const reading = await openReadQuery(
      { url: database.url, embedded: false },
      'TABLE backhaul.task',
      60_000,
    );
    expect(await reading.fetch(1)).toHaveLength(0);
    await reading.cancel();
    await expect(reading.fetch(1)).rejects.toThrow('aborted');
    await reading.close();
  });

  it('ends quietly when its reader has gone', async () => {
    for (const flag of ['--csv', '--json']) {
      const { code, signal, stderr } = await runCli(
        ['query', 'SELECT g FROM generate_series(1, 300000) g', flag],
        {
          cwd: folder,
          env: { DATABASE_URL: database.url },
          onOutput: (child) => child.stdout?.destroy(),
        },
      );
      expect(stderr).toBe('');
      expect({ code, signal }).toEqual({ code: 0, signal: null });
    }
  });
});
