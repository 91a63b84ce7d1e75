/**
 * What looking at very many series costs: `node bench/wide.ts --database postgres://…/an_empty_database [--series 10000]`.
 *
 * Makes so many series of days over five years in that database, which must not have schema backhaul yet: each as 20
 * quarters that files vouch for, a thirteenth of them without one of these. Then runs `gaps scan`, `report`, and
 * `gaps fill` of a folder of 20,000 files in which nothing is that is missing, each as a program of its own, and prints
 * seconds, CPU seconds and the most memory. The schema stays: DROP SCHEMA backhaul CASCADE removes it.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runProgram } from '../src/bench/load_run.ts';
import { connect } from '../src/database/connect.ts';
import { migrate } from '../src/state/schema/migrate.ts';

const YEARS = 5;
const FILES = 20_000;

const { values: flags } = parseArgs({
  options: { database: { type: 'string' }, series: { type: 'string', default: '10000' } },
});
if (flags.database === undefined) throw new Error('--database postgres://…/an_empty_database');
const databaseUrl = flags.database;
const series = Number(flags.series);
const client = await connect(databaseUrl, { applicationName: 'backhaul bench' });

async function make(): Promise<void> {
  await migrate(client);
  await client.query(
    `INSERT INTO backhaul.series (venue, symbol, interval_s) SELECT 'kraken', 'S' || n || 'USD', 86400 FROM generate_series(1, $1::int) n`,
    [series],
  );
  for (let year = 2025 - YEARS; year < 2025; year++) {
    const [from, to] = [`${year}-01-01Z`, `${year + 1}-01-01Z`];
    const name = `bars_${year}`;
    await client.query(
      `CREATE TABLE backhaul.${name} PARTITION OF backhaul.bars FOR VALUES FROM ('${from}') TO ('${to}')`,
    );
    await client.query(`INSERT INTO backhaul.partition VALUES ('${name}', '${from}', '${to}', 'standing')`);
    await client.query(
      `INSERT INTO backhaul.bars (series_id, ts, open, high, low, close, volume, trades, sma_20)
       SELECT series_id, ts, 10, 11, 9, 10, 5, 3, 10 FROM backhaul.series,
         generate_series('${from}'::timestamptz, '${to}'::timestamptz - interval '1 second', interval '1 day') ts
       WHERE series_id % 13 <> 0 OR extract(quarter FROM ts AT TIME ZONE 'UTC') <> 2 OR extract(year FROM ts AT TIME ZONE 'UTC') <> 2022`,
    );
    await client.query(
      `INSERT INTO backhaul.coverage (series_id, covered, task_id)
       SELECT series_id, tstzrange(q, q + interval '3 months'), 1 FROM backhaul.series,
         generate_series('${from}'::timestamptz, '${to}'::timestamptz - interval '1 second', interval '3 months') q
       WHERE series_id % 13 <> 0 OR q AT TIME ZONE 'UTC' <> '2022-04-01'`,
    );
  }
  await client.query('VACUUM ANALYZE');
}

const folder = await mkdtemp(join(tmpdir(), 'backhaul-wide-'));
try {
  await client.query("SET timezone = 'UTC'");
  await make();
  const files = join(folder, 'files');
  for (let n = 0; n < FILES; n++) {
    const place = join(files, String(n % 20));
    if (n < 20) await mkdir(place, { recursive: true });
    const record = `${Date.UTC(2020 + (n % 4), 0, 1) / 1000},10,11,9,10,5,3\n`;
    await writeFile(join(place, `S${(n / 20) | 0}USD_1440.csv`), record);
  }
  const commands = [
    ['gaps', 'scan', '--to', '2025'],
    ['report', '--to', '2025'],
    ['gaps', 'fill', files],
  ];
  for (const words of commands) {
    const run = await runProgram(words, { databaseUrl, core: null, folder }, new AbortController().signal);
    const { code, seconds, cpuSeconds, peakRssBytes, complaint } = run;
    if (code !== 0 && code !== 3) throw new Error(`${words.join(' ')} ended with ${code}: ${complaint}`);
    const what = words.map((word) => (word === files ? `a folder of ${FILES} files` : word)).join(' ');
    process.stdout.write(
      `${what}: ${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of CPU, ${Math.round(peakRssBytes / 1e6)} MB\n`,
    );
  }
} finally {
  await client.end();
  await rm(folder, { recursive: true, force: true });
}
