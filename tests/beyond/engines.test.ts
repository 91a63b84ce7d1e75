import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Leaf } from '../../src/copy/leaf.ts';
import { chunksWithin, createChunk } from '../../src/state/leaves/chunks.ts';
import { compress } from '../../src/state/leaves/compress.ts';
import { distribute } from '../../src/state/leaves/distribute.ts';
import { migrate } from '../../src/state/schema/migrate.ts';
import { runCli } from '../commands/run_cli.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder } from '../e2e/loading.ts';
import { type Bar, krakenCsv, massiveDays, walk, write } from '../e2e/market.ts';
import { CITUS_URL, serverOf, TIMESCALE_URL } from '../servers.ts';
import { type EngineDatabase, engineDatabase } from './engine_databases.ts';

/**
 * The same life on a plain server and on one with an extension: every step leaves the same bars, to the bit, and every
 * command says the same. Needs servers given by their addresses; skipped without.
 */

const database = await testDatabase();
const folder = scratchFolder();

const ENGINES: readonly {
  readonly name: string;
  readonly url: string;
  readonly make: () => Promise<EngineDatabase>;
}[] = [
  {
    name: 'Citus (TEST_CITUS_URL)',
    url: CITUS_URL,
    make: () => engineDatabase(serverOf('citus', CITUS_URL)),
  },
  {
    name: 'TimescaleDB (TEST_TIMESCALE_URL)',
    url: TIMESCALE_URL,
    make: () => engineDatabase(serverOf('timescale', TIMESCALE_URL)),
  },
];

const Q = (quarter: number): number => Date.UTC(2023, 3 * quarter, 1) / 1000;
const isIn = (quarter: number) => (bar: Bar) => bar.time >= Q(quarter) && bar.time < Q(quarter + 1);
const hours = walk('XBTUSD', Q(0), Q(3), 3600, 3, 0.9);
const quarter = (q: number, name: string, change: (bar: Bar) => Bar = (bar) => bar): string =>
  write(folder, `${name}/XBTUSD_60.csv`, krakenCsv(hours.filter(isIn(q)).map(change)));
const days = massiveDays(join(folder, 'days'), 3, ['A', 'BRK.B', 'NA'], 7);
const first = quarter(0, 'q1');
const second = quarter(1, 'q2');
const third = quarter(2, 'q3');
const changed = quarter(1, 'changed', (bar) =>
  bar.time % 36_000 === 0 ? { ...bar, volume: bar.volume + 1 } : bar,
);
const kept = write(
  folder,
  'kept/ACME_1h.csv',
  `time;open;high;low;close;volume;quote\n${hours
    .slice(0, 60)
    .map((b) => `${b.time};${b.open};${b.high};${b.low};${b.close};${b.volume};${b.volume / 2}\n`)
    .join('')}`,
);
const layout = write(
  folder,
  'layout.yaml',
  `name: acme
paths: '(?<symbol>[A-Z]+)_(?<interval>\\d+h)\\.csv$'
header: required
delimiter: ';'
columns: { time: time, open: open, high: high, low: low, close: close, volume: volume }
extra: { quote: float8 }
time: { unit: s }
venue: acme
symbol: { group: symbol }
interval: { group: interval }
order: time
`,
);

const splits = write(
  folder,
  'splits.csv',
  'venue,symbol,date,event,value\nkraken,XBTUSD,2023-05-03,split,3:1\n',
);
const late = write(folder, 'late/XBTUSD_60.csv', krakenCsv(walk('XBTUSD', Q(-1), Q(0), 3600, 5, 0.9)));

/** Each step as what it does to a database; those of the command line say something as well. */
const cli =
  (...args: readonly string[]) =>
  async (url: string): Promise<string> => {
    const { code, stdout, stderr } = await runCli([...args, '--database', url], { cwd: folder });
    // What hangs on how fast the machine was is said between the rest.
    const lines = stdout.replaceAll(/^\{"type":"(progress|discovering)".*\n/gm, '');
    const said = `${code} ${lines} ${code === 0 || code === 3 ? '' : stderr}`;
    // What hangs on the time of day, or on how fast the machine was.
    return said
      .replaceAll(
        /"([a-z_]*seconds|[a-z_]*per_second|created|candles_from_now|overflow|now|detected_ts|changed_ts|filled_ts)":[^,}]*/g,
        '',
      )
      .replaceAll(/"waits":\{[^}]*\}/g, '')
      .replaceAll(/ in [\d.]+ s.*/g, '');
  };
const loading =
  (sources: readonly string[], options: Parameters<typeof load>[2] = {}) =>
  async (url: string) => {
    const { rows, tasks, failures } = await load(url, sources, options);
    return JSON.stringify({ rows, tasks, failures });
  };
const LIFE: readonly (readonly [string, (url: string) => Promise<string>])[] = [
  ['a first load', loading([join(folder, 'days'), first])],
  ['a later file', loading([third])],
  ['gaps', cli('gaps', 'scan', '--to', '2024', '--json')],
  ['a gap filled', cli('gaps', 'fill', second, '--json')],
  ['a file that tells otherwise', loading([changed])],
  ['the same, replacing', loading([changed], { onConflict: 'replace' })],
  ['all of a file again', loading([second], { reload: true })],
  ['columns to keep', loading([kept], { layout })],
  ['the same again, replacing', loading([kept], { layout, reload: true, onConflict: 'replace' })],
  ['a file taken out', cli('unload', days[1]!, '--json')],
  ['a series taken out', cli('unload', '--symbols', 'NA', '--json')],
  ['indicators computed again', cli('recompute', '--json')],
  ['longer bars of what stands', cli('rollup', '4h,1d', '--symbols', 'XBTUSD', '--json')],
  [
    'what they are made of',
    cli('query', 'SELECT symbol, interval_s, from_interval_s, covered FROM derived ORDER BY 1, 2'),
  ],
  ['a split', cli('events', 'load', splits, '--json')],
  ['an earlier file', loading([late])],
  ['a file taken out from under longer bars', cli('unload', second, '--json')],
  ['and loaded again', loading([second], { reload: true })],
  ['what is there', cli('report', '--json', '--to', '2024')],
  ['what is wrong', cli('validate', '--json')],
  [
    'a question',
    cli('query', 'SELECT symbol, count(*), sum(close::numeric) FROM candles GROUP BY 1 ORDER BY 1'),
  ],
  [
    'a series',
    cli(
      'query',
      `SELECT ts, close, ema_20 FROM candles_of('kraken', 'BTCUSD', '60') ORDER BY ts DESC LIMIT 5`,
    ),
  ],
  [
    'a series, adjusted',
    cli(
      'query',
      `SELECT ts, close, ema_20, rsi_14 FROM candles_of('kraken', 'XBTUSD', '4h', adjust => 'splits') ORDER BY ts LIMIT 5`,
    ),
  ],
];

interface Step {
  readonly said: string;
  readonly bars: string;
}
let plain: Step[] | null = null;

/** Takes a database through its life; `look` sees it after each step. */
async function lived(
  { url, pool }: EngineDatabase,
  look: (step: string, said: string, bars: string) => Promise<void>,
): Promise<Step[]> {
  const steps: Step[] = [];
  for (const [step, run] of LIFE) {
    const one = { said: await run(url), bars: await candles(pool) };
    steps.push(one);
    await look(step, one.said, one.bars);
  }
  return steps;
}

describe.each(ENGINES.filter(({ url }) => url !== ''))('on $name', ({ name, make }) => {
  it('a life is the same', async () => {
    const engine = await make();
    const isCitus = name.startsWith('Citus');
    mkdirSync(join(folder, 'out'), { recursive: true });
    plain ??= await lived(database, () => Promise.resolve());
    const steps = plain.values();
    await lived(engine, async (step, said, bars) => {
      const expected = steps.next().value!;
      expect({ step, said }).toEqual({ step, said: expected.said });
      expect({ step, same: bars === expected.bars }).toEqual({ step, same: true });
      // What stands goes to the columnstore after every step: each one writes into compressed chunks.
      if (!isCitus) {
        const { chunks, ...done } = await compress(engine.pool, { afterS: 0, dryRun: false });
        if (step === 'a first load') expect(done).toMatchObject({ again: 0, chunksStanding: chunks });
        if (step === 'the same, replacing') expect(done.again).toBeGreaterThan(0);
        expect(done.chunksCompressed).toBe(done.chunksStanding);
        expect(done.ratio).toBeGreaterThan(0);
        expect({ step, same: (await candles(engine.pool)) === bars }).toEqual({ step, same: true });
      }
      // A database that stands becomes a distributed one, and what follows goes on.
      if (isCitus && step === 'a later file') {
        const options = { shards: 4, dryRun: true, onStep: () => {} };
        expect(await distribute(engine.pool, options)).toMatchObject({
          already: false,
          shards: 4,
        });
        expect(await distribute(engine.pool, { ...options, dryRun: false })).toMatchObject({
          already: false,
        });
        expect(await distribute(engine.pool, { ...options, dryRun: false })).toMatchObject({
          already: true,
          shards: 4,
        });
        expect(await candles(engine.pool)).toBe(bars);
      }
    });
  }, 600_000);
});

it.skipIf(TIMESCALE_URL === '')('a chunk is made by what a version has for it', async () => {
  const { pool } = await engineDatabase(serverOf('timescale', TIMESCALE_URL));
  await migrate(pool);
  const client = await pool.connect();
  const at = (from: string, to: string): Omit<Leaf, 'name'> => ({
    fromUs: Date.parse(from) * 1000,
    toUs: Date.parse(to) * 1000,
  });
  const year = { name: '', ...at('2023-01-01', '2024-01-01') };
  const march = { name: '', ...at('2023-03-01', '2023-04-01') };
  const make = (ts: string, standing: readonly Leaf[] = []) =>
    createChunk(client, year, Date.parse(ts) * 1000, standing);
  await client.query('BEGIN');
  try {
    expect(await make('2023-02-05', [march])).toMatchObject(at('2023-01-01', '2023-03-01'));
    // As before 2.12: in another schema.
    await client.query('ALTER FUNCTION _timescaledb_internal.create_chunk RENAME TO another_chunk');
    await client.query('ALTER FUNCTION _timescaledb_functions.create_chunk SET SCHEMA _timescaledb_internal');
    expect(await make('2023-05-05', [march])).toMatchObject(at('2023-04-01', '2024-01-01'));
    await client.query('ALTER FUNCTION _timescaledb_internal.create_chunk RENAME TO no_chunk');
    const stamp = Date.parse('2024-06-05T10:00Z') * 1000;
    const own = await make('2024-06-05T10:00Z');
    expect(own.fromUs <= stamp && stamp < own.toUs).toBe(true);
    expect(await chunksWithin(client, { ...own, fromUs: stamp, toUs: stamp + 1000 })).toEqual([own]);
    expect((await client.query('SELECT 1 FROM backhaul.bars')).rowCount).toBe(0);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
});

it.skipIf(TIMESCALE_URL === '')(
  'files of a lane that each need a chunk of their own do not wait for each other in a circle',
  async () => {
    const { url, pool } = await engineDatabase(serverOf('timescale', TIMESCALE_URL));
    // Minutes, so that months have chunks of their own; two lanes, so that files of both are at work at once.
    for (const [i, symbol] of ['XBTUSD', 'ETHUSD'].entries())
      for (const month of [0, 1, 2, 3]) {
        const [from, to] = [Date.UTC(2023, month, 1) / 1000, Date.UTC(2023, month, 8) / 1000];
        write(
          folder,
          `months/${month}/${symbol}_1.csv`,
          krakenCsv(walk(symbol, from, to, 60, i + month, 0.9)),
        );
      }
    const outcomes: string[] = [];
    const { tasks } = await load(url, [join(folder, 'months')], { workers: 4 }, (event) => {
      if (event.type === 'task') outcomes.push(event.outcome);
    });
    expect(tasks).toMatchObject({ loaded: 8, failed: 0 });
    expect(outcomes).toEqual(Array(8).fill('loaded'));
    const { rows } = await pool.query(
      `SELECT count(*)::int AS chunks FROM timescaledb_information.chunks WHERE hypertable_schema = 'backhaul'`,
    );
    expect(rows).toEqual([{ chunks: 4 }]);
  },
);

it.skipIf(TIMESCALE_URL === '')(
  'a chunk with few bars of each series is compressed across them',
  async () => {
    const server = serverOf('timescale', TIMESCALE_URL);
    const [packed, rows] = [await engineDatabase(server), await engineDatabase(server)];
    const few = join(folder, 'few');
    const many = write(
      folder,
      'many/XBTUSD_1.csv',
      krakenCsv(walk('XBTUSD', Date.UTC(2015, 0, 1) / 1000, Date.UTC(2015, 0, 8) / 1000, 60, 3, 0.9)),
    );
    const day = (symbol: string, change = 0): string => {
      const bars = walk(symbol, Date.UTC(2012, 0, 1) / 1000, Date.UTC(2012, 2, 1) / 1000, 86_400, 4);
      const changed = bars.map((bar, i) => (i % 7 === 0 ? { ...bar, volume: bar.volume + change } : bar));
      return write(few, `${symbol}_1440.csv`, krakenCsv(changed));
    };
    const settings = async () =>
      (
        await packed.pool.query<{ segmentby: string | null }>(
          `SELECT coalesce(segmentby, '') AS segmentby FROM timescaledb_information.chunk_compression_settings
         WHERE hypertable = 'backhaul.bars'::regclass ORDER BY 1`,
        )
      ).rows.map(({ segmentby }) => segmentby);
    const same = async (): Promise<boolean> => (await candles(packed.pool)) === (await candles(rows.pool));
    const pack = () => compress(packed.pool, { afterS: 0, dryRun: false });
    for (const symbol of ['XBTUSD', 'ETHUSD', 'XRPUSD']) day(symbol);
    for (const { url } of [packed, rows]) await load(url, [few, many]);
    await pack();
    expect([await settings(), await same()]).toEqual([['', 'series_id'], true]);
    const changed = day('ETHUSD', 1);
    const late = write(
      few,
      'late/XBTUSD_1440.csv',
      krakenCsv(walk('XBTUSD', Date.UTC(2012, 2, 1) / 1000, Date.UTC(2012, 3, 1) / 1000, 86_400, 5)),
    );
    for (const { url } of [packed, rows]) await load(url, [changed, late], { onConflict: 'replace' });
    expect(await same()).toBe(true);
    // What came lies in one of the two: the other has been left alone.
    expect(await pack()).toMatchObject({ again: 1 });
    expect([await settings(), await same()]).toEqual([['', 'series_id'], true]);
    await expect(load(packed.url, [changed], { reload: true })).resolves.toMatchObject({
      tasks: { loaded: 1 },
    });
    expect(await same()).toBe(true);
  },
);

it.skipIf(TIMESCALE_URL === '')(
  'compressed bars of other series and other times stay compressed, whatever is changed beside them',
  async () => {
    const { url, pool } = await engineDatabase(serverOf('timescale', TIMESCALE_URL));
    const beside = join(folder, 'beside');
    const [from, to] = [Date.UTC(2022, 0, 1) / 1000, Date.UTC(2022, 2, 1) / 1000];
    const all = (symbol: string): Bar[] => walk(symbol, from, to, 3600, 3, 1);
    const file = (name: string, bars: readonly Bar[], quote: number): string => {
      const lines = bars.map(
        (b) => `${b.time};${b.open};${b.high};${b.low};${b.close};${b.volume};${b.volume * quote}`,
      );
      const head = 'time;open;high;low;close;volume;quote';
      return write(beside, `${name}_1h.csv`, [head, ...lines, ''].join('\n'));
    };
    const symbols = ['AA', 'BB', 'CC', 'DD', 'EE'];
    for (const symbol of symbols) file(symbol, all(symbol), 2);
    await load(url, [beside], { layout });
    // Batches of up to 1,000 bars of a symbol.
    await compress(pool, { afterS: 0, dryRun: false });
    const { rows: chunks } = await pool.query<{ name: string }>(
      `SELECT format('%I.%I', chunk_schema, chunk_name) AS name FROM timescaledb_information.chunks
       WHERE hypertable_schema = 'backhaul' ORDER BY range_start`,
    );
    expect(chunks.length).toBe(1);
    const asRows = async (): Promise<unknown[]> => {
      const { rows } = await pool.query(
        `SELECT symbol, count(*)::int AS bars FROM ONLY ${chunks[0]!.name} b JOIN backhaul.series USING (series_id)
         GROUP BY 1 ORDER BY 1`,
      );
      return rows;
    };
    expect(await asRows()).toEqual([]);
    // The last day of one series tells other quotes.
    const changed = file('late/CC', all('CC').slice(-24), 3);
    await load(url, [changed], { layout, onConflict: 'replace' });
    expect(await asRows()).toEqual([{ symbol: 'CC', bars: all('CC').length % 1000 }]);
  },
);

it.skipIf(TIMESCALE_URL === '')(
  'a policy of its own that compresses while loads write leaves the same bars, and no load fails',
  async () => {
    const server = serverOf('timescale', TIMESCALE_URL);
    const [packed, rows] = [await engineDatabase(server), await engineDatabase(server)];
    const at = (month: number, day: number): number => Date.UTC(2023, month, day) / 1000;
    const minutes = (name: string, month: number, days: readonly [number, number], change = 0): void => {
      for (const [i, symbol] of ['XBTUSD', 'ETHUSD'].entries()) {
        const bars = walk(symbol, at(month, days[0]), at(month, days[1]), 60, i + month + days[0], 0.9);
        const changed = bars.map((bar, k) => (k % 10 === 0 ? { ...bar, volume: bar.volume + change } : bar));
        write(folder, `policy/${name}/${symbol}_1.csv`, krakenCsv(changed));
      }
    };
    for (const month of [0, 1, 2]) minutes(`first/${month}`, month, [1, 8]);
    for (const month of [3, 4]) minutes(`later/${month}`, month, [1, 8]);
    minutes('between', 1, [10, 12]);
    minutes('otherwise', 2, [1, 8], 1);
    const of = (name: string): string => join(folder, 'policy', name);
    for (const { url } of [packed, rows]) await load(url, [of('first')]);
    // As a user does it; the scheduler would come by every few hours, here it comes by as often as it can.
    await packed.pool.query(
      `ALTER TABLE backhaul.bars SET (timescaledb.enable_columnstore, timescaledb.segmentby = 'series_id', timescaledb.orderby = 'ts')`,
    );
    await packed.pool.query(`CALL add_columnstore_policy('backhaul.bars', after => interval '1 day')`);
    const { rows: jobs } = await packed.pool.query<{ job: number }>(
      `SELECT job_id AS job FROM timescaledb_information.jobs WHERE hypertable_name = 'bars'`,
    );
    const run = () => packed.pool.query(`CALL run_job(${jobs[0]!.job})`);
    let isOver = false;
    const policy = (async () => {
      // It gives way to a load that holds what it waits for, and says so.
      while (!isOver) await run().catch((error: Error) => expect(error.message).toMatch(/policy failure/));
    })();
    const loads: [string, Parameters<typeof load>[2]][] = [
      ['later', { workers: 2 }],
      ['between', { workers: 2 }],
      ['otherwise', { workers: 2, onConflict: 'replace' }],
      ['first/0', { reload: true }],
    ];
    try {
      for (const [name, options] of loads) {
        for (const { url } of [rows, packed]) {
          const { tasks } = await load(url, [of(name)], options);
          expect({ name, failed: tasks.failed, released: tasks.released }).toEqual({
            name,
            failed: 0,
            released: 0,
          });
        }
      }
    } finally {
      isOver = true;
      await policy;
    }
    expect((await candles(packed.pool)) === (await candles(rows.pool))).toBe(true);
    await run();
    const { rows: chunks } = await packed.pool.query(
      `SELECT count(*)::int AS chunks, count(*) FILTER (WHERE is_compressed)::int AS compressed
       FROM timescaledb_information.chunks WHERE hypertable_schema = 'backhaul'`,
    );
    expect(chunks).toEqual([{ chunks: 5, compressed: 5 }]);
  },
);

it('nothing is distributed where there is no Citus, and the fault says so', async () => {
  await expect(
    distribute(database.pool, { shards: null, dryRun: false, onStep: () => {} }),
  ).rejects.toMatchObject({
    fault: { kind: 'database', found: 'none', message: expect.stringMatching(/Citus/) },
  });
});

it('nothing is compressed where there is no TimescaleDB, and the fault says so', async () => {
  await expect(compress(database.pool, { afterS: 0, dryRun: false })).rejects.toMatchObject({
    fault: { kind: 'database', found: 'none', message: expect.stringMatching(/TimescaleDB/) },
  });
});

afterAll(() => {
  if (CITUS_URL === '') process.stderr.write('TEST_CITUS_URL is not given: tests on Citus are skipped\n');
  if (TIMESCALE_URL === '')
    process.stderr.write('TEST_TIMESCALE_URL is not given: tests on TimescaleDB are skipped\n');
});
