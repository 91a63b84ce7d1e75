import { beforeAll, describe, expect, it } from 'vitest';
import { CURRENCIES, spellings } from '../../src/base/spellings.ts';
import { inTransaction } from '../../src/database/connect.ts';
import { READER } from '../../src/database/reader.ts';
import { meant } from '../../src/series/series.ts';
import { makeReadingAnew } from '../../src/state/schema/candles_view.ts';
import { testDatabase } from '../database.ts';
import { addBars, addSeries, at, DAY, HOUR } from '../gaps/loaded_market.ts';

const database = await testDatabase();
const db = database.pool;

beforeAll(async () => {
  const hours = await addSeries(db, 'kraken', 'XBTUSD', 3600);
  await addBars(
    db,
    hours,
    Array.from({ length: 24 * 70 }, (_, i) => at('2024-01-01Z') + i * HOUR),
  );
  const days = await addSeries(db, 'kraken', 'XBTUSD', 86_400);
  await addBars(
    db,
    days,
    Array.from({ length: 70 }, (_, i) => at('2024-01-01Z') + i * DAY),
  );
  await addSeries(db, 'binance', 'BTCUSDT', 3600);
  await db.query('ANALYZE backhaul.bars');
});

async function rows(sql: string): Promise<Record<string, unknown>[]> {
  return (await db.query(sql)).rows;
}

describe('candles_of', () => {
  it('is candles of one series, column by column', async () => {
    const differ = await rows(`
      (SELECT * FROM backhaul.candles WHERE venue = 'kraken' AND interval_s = 3600
       EXCEPT SELECT * FROM backhaul.candles_of('kraken', 'XBTUSD', '1h'))
      UNION ALL
      (SELECT * FROM backhaul.candles_of('kraken', 'XBTUSD', '1h')
       EXCEPT SELECT * FROM backhaul.candles WHERE venue = 'kraken' AND interval_s = 3600)`);
    expect(differ).toEqual([]);
    expect(
      await rows(`SELECT count(*)::int AS n FROM backhaul.candles_of('kraken', 'XBTUSD', '1h')`),
    ).toEqual([{ n: 24 * 70 }]);
  });

  it('knows a market by every spelling, and an interval by every word', async () => {
    const count = async (symbol: string, interval: string): Promise<unknown> => {
      const sql = 'SELECT count(*)::int AS n FROM backhaul.candles_of($1, $2, $3)';
      return (await db.query(sql, ['kraken', symbol, interval])).rows[0].n;
    };
    for (const interval of ['1h', '60m', '60', '3600s', '1H', ' 1 hour ', '60 min'])
      expect(await count('btcusd', interval)).toBe(24 * 70);
    for (const interval of ['1d', '24h', '1440', '1 day']) expect(await count('BTCUSD', interval)).toBe(70);
    for (const symbol of ['XBTUSD', 'BTCUSD', 'xbtusd', 'BtcUsd', 'BTC/USD', 'xbt-usd', 'XBT_USD'])
      expect(await count(symbol, '1d')).toBe(70);
    expect(await count('ETHUSD', '1d')).toBe(0);
    expect(
      await rows(`SELECT backhaul.interval_seconds(i) AS s FROM unnest('{1w,1mo,1M,1m}'::text[]) i`),
    ).toEqual([604_800, 2_592_000, 2_592_000, 60].map((s) => ({ s })));
  });

  it('finds a pair of currencies with and without what divides it, and nothing else by that', async () => {
    const named = async (symbol: string): Promise<unknown> =>
      (
        await rows(`SELECT s.symbol FROM backhaul.series s
         WHERE s.series_id = backhaul.series_named('divided', '${symbol}', '1d')`)
      )[0]?.['symbol'];
    for (const symbol of ['BTC-USD', 'ETH/EUR', 'BRK-B', 'BRKA'])
      await addSeries(db, 'divided', symbol, 86_400);
    const asked = ['BTCUSD', 'xbtusd', 'BTC/USD', 'ETHEUR', 'ETH_EUR', 'BRKB', 'BRK-A'];
    const found = [];
    for (const symbol of asked) found.push(await named(symbol));
    expect(found).toEqual(['BTC-USD', 'BTC-USD', 'BTC-USD', 'ETH/EUR', 'ETH/EUR', undefined, undefined]);
    const known = new Set(['BTC-USD', 'ETH/EUR', 'BRK-B', 'BRKA']);
    expect(asked.map((symbol) => meant(symbol, known)[0])).toEqual(found);
  });

  it('refuses a word that is no interval or no adjustment', async () => {
    for (const interval of ['1x', '', '0', '-1h', '1.5h', 'h', '9999999'])
      await expect(
        db.query('SELECT * FROM backhaul.candles_of($1, $2, $3)', ['kraken', 'XBTUSD', interval]),
      ).rejects.toMatchObject({ code: '22023', message: `no interval: '${interval}'` });
    for (const adjust of ['dividends', '', null])
      await expect(
        db.query('SELECT * FROM backhaul.candles_of($1, $2, $3, $4)', ['kraken', 'XBTUSD', '1h', adjust]),
      ).rejects.toMatchObject({ code: '22023', hint: 'adjust is one of none, splits, all.' });
  });

  it('spells currencies as the program does', async () => {
    const [aliases] = await rows(
      'SELECT jsonb_agg(jsonb_build_array(archive, other)) AS all FROM backhaul.symbol_alias',
    );
    expect(aliases!['all']).toEqual(CURRENCIES);
    for (const symbol of ['XBTUSD', 'BTCUSD', 'DOGEXBT', 'XDGBTC', 'XBT', 'ETHUSD', 'USDBTC', 'BTCXBT']) {
      const [found] = await rows(`SELECT backhaul.spellings('${symbol}') AS all`);
      expect((found!['all'] as string[]).sort()).toEqual(spellings(symbol, CURRENCIES).sort());
    }
  });

  it('makes the spellings of a symbol once, however many series its venue has', async () => {
    for (let n = 0; n < 20; n++) await addSeries(db, 'kraken', `S${n}USD`, 60);
    const called = await inTransaction(db, async (client) => {
      await client.query(`SET LOCAL track_functions = 'all'`);
      await client.query(`SELECT backhaul.series_named('kraken', 'NOPEUSD', '1m')`);
      const { rows: calls } = await client.query<{ calls: number }>(
        `SELECT calls::int FROM pg_stat_xact_user_functions WHERE schemaname = 'backhaul' AND funcname = 'spellings'`,
      );
      return calls;
    });
    expect(called).toEqual([{ calls: 1 }]);
  });

  it('knows the spellings that a layout of its own has told of a venue, and of no other', async () => {
    const id = await addSeries(db, 'acme', 'GER40', 60);
    await addSeries(db, 'other', 'GER40', 60);
    const own = [
      ['GER40', 'DAX'],
      ['XET', 'ETH'],
    ];
    await db.query('INSERT INTO backhaul.series_rule (series_id, aliases) VALUES ($1, $2)', [
      id,
      JSON.stringify(own),
    ]);
    const named = (venue: string, symbol: string) =>
      rows(`SELECT backhaul.series_named('${venue}', '${symbol}', '1m') AS id`).then(([row]) => row!['id']);
    expect(await named('acme', 'dax')).toBe(id);
    expect(await named('other', 'DAX')).toBeNull();
    const aliases = [...CURRENCIES, ['GER40', 'DAX'], ['XET', 'ETH']] as const;
    for (const symbol of ['DAX', 'XETXBT', 'DAXUSD', 'XBT', 'ETH', 'DOGEETH']) {
      const [found] = await rows(`SELECT backhaul.spellings('${symbol}', 'acme') AS all`);
      expect((found!['all'] as string[]).sort()).toEqual(spellings(symbol, aliases).sort());
    }
  });

  it('is put in the place of its call: a backward index scan over the newest partitions alone', async () => {
    const plan = (
      await rows(`EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)
        SELECT ts, close FROM backhaul.candles_of('kraken', 'BTCUSD', '60m') ORDER BY ts DESC LIMIT 20`)
    ).map((row) => String(row['QUERY PLAN']));
    const scans = plan.filter((line) => /Scan/.test(line) && !/never executed/.test(line));
    expect(scans, plan.join('\n')).toHaveLength(1);
    expect(scans[0]).toMatch(/Index Scan Backward using bars_2024_03_pkey .*rows=20/);
    expect(plan.join('\n')).not.toMatch(/Function Scan|Sort|bars_bare|Seq Scan/);
    const between =
      await rows(`EXPLAIN (COSTS OFF) SELECT * FROM backhaul.candles_of('kraken', 'XBTUSD', '1h')
      WHERE ts >= '2024-02-03Z' AND ts < '2024-02-05Z'`);
    const named = between.flatMap((row) => String(row['QUERY PLAN']).match(/bars_\d{4}_\d\d/g) ?? []);
    expect(new Set(named)).toEqual(new Set(['bars_2024_02']));
  });

  it('is open to the reader', async () => {
    await inTransaction(db, async (client) => {
      await client.query(`SET LOCAL ROLE ${READER}`);
      const { rows: read } = await client.query(
        `SELECT ts FROM backhaul.candles_of('kraken', 'BTCUSD', '1d') ORDER BY ts DESC LIMIT 1`,
      );
      expect(read).toEqual([{ ts: new Date('2024-03-10Z') }]);
    });
  });

  it('has the columns that are added to bars, as candles has', async () => {
    await db.query('CREATE VIEW public.mine AS SELECT venue, ts, close FROM backhaul.candles');
    await inTransaction(db, async (client) => {
      await client.query(`ALTER TABLE backhaul.bars ADD COLUMN "Quote Volume" float8;
        ALTER TABLE backhaul.bars_bare ADD COLUMN "Quote Volume" float8`);
      await makeReadingAnew(client);
    });
    await db.query(`UPDATE backhaul.bars SET "Quote Volume" = 7 WHERE ts = '2024-03-10T00:00Z'`);
    for (const from of [`candles_of('kraken', 'XBTUSD', '1d')`, 'candles'])
      expect(
        await rows(
          `SELECT DISTINCT "Quote Volume" AS q FROM backhaul.${from} WHERE ts = '2024-03-10T00:00Z'`,
        ),
      ).toEqual([{ q: 7 }]);
    await db.query('DROP VIEW public.mine');
  });
});
