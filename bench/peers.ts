/**
 * Other ways to the same table: `node bench/peers.ts [--days 1] [--tickers 8400] [--data DIR] [--database URL]`.
 *
 * Each reads the same gzipped day files and ends with bars, the 16 default indicators and a primary key in PostgreSQL:
 * `backhaul load`; psql's \copy with indicators by SQL window functions; pgloader with the same SQL; DuckDB, which
 * computes seven of the indicators (it has no running averages) and hands its rows to \copy. What is not installed
 * is said and left out. Tables are compared with Backhaul's, value by value.
 */

import { spawn } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { INDICATOR_NAMES } from '../src/bars/columns.ts';
import { BenchDatabase } from '../src/bench/bench_database.ts';
import { type DayFiles, dayFiles } from '../src/bench/day_files.ts';
import { timeLoad } from '../src/bench/load_run.ts';
import { sizeOf } from '../src/bench/size.ts';
import { connect } from '../src/database/connect.ts';

const { values: flags } = parseArgs({
  options: {
    days: { type: 'string', default: '1' },
    tickers: { type: 'string', default: '8400' },
    data: { type: 'string', default: '.backhaul/bench' },
    database: { type: 'string' },
  },
});

const RAW =
  'ticker text, volume float8, open float8, close float8, high float8, low float8, window_start int8, transactions int8';
const WINDOWS = new URL('./peers/windows.sql', import.meta.url);

const never = new AbortController().signal;

/** Runs a program with the server's address in its environment; resolves to what it said, rejects when it failed. */
function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(program, [...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (piece: string) => {
        said += piece;
      });
    child.on('error', fail);
    child.on('close', (code) =>
      code === 0 ? done(said) : fail(new Error(`${program}: ${said.slice(-2000)}`)),
    );
  });
}

/** First line of `program --version`; null: it is not here. */
async function versionOf(program: string): Promise<string | null> {
  return run(program, ['--version']).then(
    (said) => said.trim().split('\n')[0] ?? '',
    () => null,
  );
}

/** A URL as libpq's variables: no password on a command line. */
function libpq(url: string): NodeJS.ProcessEnv {
  const { username, password, hostname, port, pathname, searchParams } = new URL(url);
  return {
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
    PGHOST: searchParams.get('host') ?? hostname,
    PGPORT: searchParams.get('port') ?? (port || '5432'),
    PGDATABASE: pathname.slice(1),
  };
}

interface Peer {
  readonly program: string;
  readonly name: string;
  /** Indicators in its table. */
  readonly indicators: readonly string[];
  load(data: DayFiles, env: NodeJS.ProcessEnv): Promise<void>;
}

const psql = (env: NodeJS.ProcessEnv, ...commands: readonly string[]): Promise<string> =>
  run('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', ...commands.flatMap((command) => ['-c', command])], env);

async function windows(env: NodeJS.ProcessEnv): Promise<void> {
  await run('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', fileURLToPath(WINDOWS)], env);
}

const shellQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const sqlQuoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const bySql: Peer = {
  program: 'psql',
  name: 'psql \\copy, SQL window functions',
  indicators: INDICATOR_NAMES,
  async load(data, env) {
    await psql(env, `CREATE SCHEMA peer; CREATE TABLE peer.raw (${RAW})`);
    const copy = ({ path }: { readonly path: string }): Promise<string> => {
      const unpack = sqlQuoted(`gzip -dc ${shellQuoted(path)}`);
      return psql(env, `\\copy peer.raw FROM PROGRAM ${unpack} (FORMAT csv, HEADER)`);
    };
    // A session a file, as many at once as there are files: what a person with a shell would do.
    await Promise.all(data.files.map(copy));
    await windows(env);
  },
};

const byPgloader: Peer = {
  program: 'pgloader',
  name: 'pgloader, SQL window functions',
  indicators: INDICATOR_NAMES,
  async load(data, env) {
    await psql(env, `CREATE SCHEMA peer; CREATE TABLE peer.raw (${RAW})`);
    const columns = 'ticker, volume, open, close, high, low, window_start, transactions';
    for (const { path } of data.files) {
      const plain = join(resolve(flags.data), `peer-${process.pid}.csv`);
      const control = `${plain}.load`;
      try {
        await run('sh', ['-c', `gzip -dc ${shellQuoted(path)} > ${shellQuoted(plain)}`]);
        const { PGUSER, PGPASSWORD, PGHOST, PGPORT, PGDATABASE } = env;
        const host = PGHOST!.startsWith('/') ? `unix:${PGHOST}:${PGPORT}` : `${PGHOST}:${PGPORT}`;
        await writeFile(
          control,
          `LOAD CSV FROM ${sqlQuoted(plain)} (${columns})
           INTO postgresql://${PGUSER}:${PGPASSWORD}@${host}/${PGDATABASE}?peer.raw (${columns})
           WITH skip header = 1, fields terminated by ',';`,
          { mode: 0o600 },
        );
        await run('pgloader', ['--quiet', '--on-error-stop', control]);
      } finally {
        await rm(plain, { force: true });
        await rm(control, { force: true });
      }
    }
    await windows(env);
  },
};

const DUCK_INDICATORS = ['sma_20', 'sma_50', 'bb_upper', 'bb_lower', 'vwap', 'log_return', 'volatility_20'];

const byDuckdb: Peer = {
  program: 'duckdb',
  name: 'DuckDB, seven indicators, \\copy',
  indicators: DUCK_INDICATORS,
  async load(data, env) {
    const list = data.files.map(({ path }) => sqlQuoted(path)).join(', ');
    const types = `{${RAW.split(', ')
      .map((column) => column.split(' '))
      .map(([name, type]) => `'${name}': '${{ text: 'VARCHAR', float8: 'DOUBLE', int8: 'BIGINT' }[type!]}'`)
      .join(', ')}}`;
    const sql = `SET TimeZone = 'UTC'; COPY (
      WITH steps AS (
        SELECT *, ln(close) - ln(lag(close) OVER w) AS log_return,
          (to_timestamp(window_start / 1000000000) AT TIME ZONE 'America/New_York')::date AS session
        FROM read_csv([${list}], header = true, auto_detect = false, columns = ${types})
        WINDOW w AS (PARTITION BY ticker ORDER BY window_start))
      SELECT dense_rank() OVER (ORDER BY ticker) AS series_id, to_timestamp(window_start / 1000000000) AS ts,
        open, high, low, close, volume, transactions AS trades,
        CASE WHEN count(*) OVER w20 = 20 THEN avg(close) OVER w20 END AS sma_20,
        CASE WHEN count(*) OVER w50 = 50 THEN avg(close) OVER w50 END AS sma_50,
        CASE WHEN count(*) OVER w20 = 20 THEN avg(close) OVER w20 + 2 * stddev_pop(close) OVER w20 END AS bb_upper,
        CASE WHEN count(*) OVER w20 = 20 THEN avg(close) OVER w20 - 2 * stddev_pop(close) OVER w20 END AS bb_lower,
        sum((high + low + close) / 3 * volume) OVER s / nullif(sum(volume) OVER s, 0) AS vwap, log_return,
        CASE WHEN count(log_return) OVER w20 = 20 THEN stddev_samp(log_return) OVER w20 END AS volatility_20,
        ticker
      FROM steps
      WINDOW w20 AS (PARTITION BY ticker ORDER BY window_start ROWS 19 PRECEDING),
        w50 AS (PARTITION BY ticker ORDER BY window_start ROWS 49 PRECEDING),
        s AS (PARTITION BY ticker, session ORDER BY window_start)
    ) TO '/dev/stdout' (FORMAT csv, HEADER false)`;
    const columns = `series_id int, ts timestamptz, open float8, high float8, low float8, close float8, volume float8,
      trades int8, ${DUCK_INDICATORS.map((name) => `${name} float8`).join(', ')}, ticker text`;
    await psql(env, `CREATE SCHEMA peer; CREATE TABLE peer.bars (${columns})`);
    await psql(
      env,
      `\\copy peer.bars FROM PROGRAM ${sqlQuoted(`duckdb -c ${shellQuoted(sql)}`)} (FORMAT csv)`,
    );
    await psql(
      env,
      'ALTER TABLE peer.bars ADD PRIMARY KEY (series_id, ts)',
      'CREATE TABLE peer.series AS SELECT DISTINCT series_id, ticker FROM peer.bars',
    );
  },
};

/** Rows that are not in both tables, and values further apart than rounding explains. */
async function differences(url: string, indicators: readonly string[]): Promise<string> {
  const client = await connect(url, { applicationName: 'backhaul bench' });
  const apart = (name: string): string =>
    `count(*) FILTER (WHERE (p.${name} IS NULL) <> (c.${name} IS NULL)
       OR abs(p.${name} - c.${name}) > 1e-6 * greatest(abs(c.${name}), 0.001 * c.close)) AS ${name}`;
  try {
    const { rows } = await client.query<Record<string, number>>(
      `SELECT count(*) FILTER (WHERE p.ts IS NULL OR c.ts IS NULL) AS rows,
         ${['close', 'volume', 'trades', ...indicators].map(apart).join(', ')}
       FROM (SELECT b.*, s.ticker AS symbol FROM peer.bars b JOIN peer.series s USING (series_id)) p
       FULL JOIN backhaul.candles c ON c.symbol = p.symbol AND c.ts = p.ts`,
    );
    const wrong = Object.entries(rows[0]!).filter(([, count]) => count > 0);
    return wrong.length === 0
      ? `the same table, ${indicators.length} indicators`
      : `differs: ${wrong.map(([name, count]) => `${name} ${count}`).join(', ')}`;
  } finally {
    await client.end();
  }
}

function tell(name: string, seconds: number | null, remark: string): void {
  const time = seconds === null ? '' : `${seconds.toFixed(1)} s`;
  process.stdout.write(`${name.padEnd(36)} ${time.padStart(9)}  ${remark}\n`);
}

const folder = resolve(flags.data);
const size = sizeOf({ days: Number(flags.days), tickers: Number(flags.tickers) });
const data = await dayFiles(join(folder, 'data'), size, never, () => {});
const database = await BenchDatabase.open(folder, flags.database ?? null);
try {
  process.stdout.write(
    `${data.records} records in ${data.files.length} files, PostgreSQL ${database.facts.version}\n`,
  );
  const command = {
    source: data.folder,
    workers: 'auto',
    databaseUrl: database.url,
    core: null,
    folder,
  } as const;
  await timeLoad(command, never);
  await database.reset();
  const ours = await timeLoad(command, never);
  tell('backhaul load', ours.seconds, `${INDICATOR_NAMES.length} indicators`);
  const env = libpq(database.url);
  for (const peer of [bySql, byPgloader, byDuckdb]) {
    const version = await versionOf(peer.program);
    if (version === null) {
      tell(peer.name, null, `${peer.program} is not installed: not measured`);
      continue;
    }
    await psql(env, 'SET client_min_messages = warning; DROP SCHEMA IF EXISTS peer CASCADE', 'CHECKPOINT');
    const started = performance.now();
    await peer.load(data, env);
    const seconds = (performance.now() - started) / 1000;
    tell(peer.name, seconds, `${await differences(database.url, peer.indicators)} (${version})`);
  }
} finally {
  await database.close();
}
