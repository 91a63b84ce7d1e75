import { afterAll, beforeAll, expect, it } from 'vitest';
import { gapsToFill } from '../../src/gaps/fill.ts';
import { planWalks } from '../../src/gaps/trades_fill.ts';
import { ALL_SERIES } from '../../src/series/series.ts';
import { answerOf } from '../commands/in_process.ts';
import { testDatabase } from '../database.ts';
import { addBars, addSeries, addTask, at, range } from './loaded_market.ts';

/** A gap on both sides of the day on which its market was renamed: who is asked for which part, and by which name. */

const { pool: db, url } = await testDatabase();

async function scan(): Promise<void> {
  const { code, stderr } = await answerOf(
    ['gaps', 'scan', '--quick', '--from', '2024-03-20', '--to', '2024-05-15'],
    { env: { DATABASE_URL: url } },
  );
  expect({ code, stderr }).toMatchObject({ code: 0 });
}

beforeAll(async () => {
  const id = await addSeries(db, 'kraken', 'NEWUSD', 3600);
  await addBars(db, id, [at('2024-05-20T00:00Z')]);
  await db.query(
    `INSERT INTO backhaul.event (venue, symbol, kind, day, new_symbol, source)
     VALUES ('kraken', 'OLDUSD', 'rename', '2024-05-10', 'NEWUSD', 'test')`,
  );
  await scan();
});
afterAll(() => db.query('DELETE FROM backhaul.event'));

it('the files to download bear the name of their time', async () => {
  const { stdout } = await answerOf(['gaps', 'list', '--csv'], { env: { DATABASE_URL: url } });
  const [, ...lines] = stdout.trim().split('\n');
  expect(lines.map((line) => line.split(',').slice(0, 2))).toEqual([
    ['Kraken_OHLCVT_2024Q1.zip', 'OLDUSD_60.csv'],
    ['Kraken_OHLCVT_2024Q2.zip', 'OLDUSD_60.csv'],
    ['Kraken_OHLCVT_2024Q2.zip', 'NEWUSD_60.csv'],
  ]);
  const { rows } = await db.query('SELECT file, files FROM backhaul.gap');
  expect(rows).toEqual([{ file: 'Kraken_OHLCVT_2024Q1.zip › OLDUSD_60.csv', files: 3 }]);
});

it('an exchange is asked for what lies behind the day alone', async () => {
  const nowUs = at('2024-06-01Z');
  const gaps = await gapsToFill(url, { ...ALL_SERIES, fromUs: null, toUs: null }, nowUs);
  expect((await planWalks(db, gaps, 1000)).map(({ pair, ranges }) => ({ pair, ranges }))).toEqual([
    { pair: 'NEWUSD', ranges: [{ fromUs: at('2024-05-10Z'), toUs: at('2024-05-15Z') }] },
  ]);
  const before = await gapsToFill(url, { ...ALL_SERIES, fromUs: null, toUs: at('2024-05-01Z') }, nowUs);
  expect(await planWalks(db, before, 1000)).toEqual([]);
});

it('a file of all symbols without a bar of it vouches for it under the name it had then', async () => {
  const asked = (from: string, to: string): Promise<number> => {
    const { fromUs: fileFromUs, toUs: fileToUs } = range(from, to);
    const wantSymbols = { OLDUSD: 'OLDUSD' };
    return addTask(db, { venue: 'kraken', symbol: null, intervalS: 3600, fileFromUs, fileToUs, wantSymbols });
  };
  await asked('2024-04-01Z', '2024-04-02Z');
  // Another's of that name.
  await asked('2024-05-12Z', '2024-05-13Z');
  await db.query('UPDATE backhaul.event SET joined_at = now()');
  await scan();
  const gaps = await gapsToFill(url, { ...ALL_SERIES, fromUs: null, toUs: null }, at('2024-06-01Z'));
  expect(gaps.map(({ fromUs, toUs }) => ({ fromUs, toUs }))).toEqual([
    range('2024-03-20Z', '2024-04-01Z'),
    range('2024-04-02Z', '2024-05-15Z'),
  ]);
});
