import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { answerOf } from '../commands/in_process.ts';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder, wipe } from './loading.ts';
import { write } from './market.ts';

/** `--prices numeric`: what the vendor has written, to the last digit, beside the doubles that all else is made of. */

const { pool: db, url } = await testDatabase();
const folder = scratchFolder();
const HOUR = 3600;
const START = Date.UTC(2024, 4, 1) / 1000;
/** More digits than a double has, and zeros at the end that none keeps. */
const close = (i: number): string => `0.000012345678901234567${i % 10}0`;

/** A file of Kraken's, bars `[from, to)`. */
function file(name: string, from: number, to: number, closeOf = close): string {
  const lines = Array.from({ length: to - from }, (_, k) => {
    const i = from + k;
    return `${START + i * HOUR},1.50,2.500,0.00000${i % 9}1,${closeOf(i)},${i}.10,${i}\n`;
  });
  return write(folder, `${name}/ADAUSD_60.csv`, lines.join(''));
}
const whole = file('whole', 0, 60);

const doubles = `SELECT string_agg(concat_ws(' ', ts, open, high, low, close, volume, trades, sma_20, vwap, rsi_14), E'\\n'
  ORDER BY ts) AS text FROM backhaul.candles`;
const textOf = async (sql: string): Promise<unknown> =>
  (await db.query<{ text: unknown }>(sql)).rows[0]!.text;

beforeEach(() => wipe(db));

describe('--prices numeric', () => {
  it('keeps every digit, and changes nothing of what is there without', async () => {
    await load(url, [whole]);
    const plain = await textOf(doubles);
    const again = await load(url, [whole], { prices: 'numeric' });
    expect(again.rows).toMatchObject({ read: 60, loaded: 60, duplicate: 0, conflict: 0 });
    expect(await textOf(doubles)).toBe(plain);
    const { rows } = await db.query(
      `SELECT open_exact::text, high_exact::text, low_exact::text, close_exact::text, volume_exact::text
       FROM backhaul.candles_of('kraken', 'ADAUSD', '1h') OFFSET 7 LIMIT 1`,
    );
    expect(rows).toEqual([
      {
        open_exact: '1.50',
        high_exact: '2.500',
        low_exact: '0.0000071',
        close_exact: '0.000012345678901234567' + '70',
        volume_exact: '7.10',
      },
    ]);
    // Whoever does not ask for it takes nobody's digits away.
    expect((await load(url, [whole])).nothingToDo).toBe(true);
    await load(url, [whole], { reload: true });
    expect(await textOf('SELECT count(close_exact)::int AS text FROM backhaul.candles')).toBe(60);
  });

  it('makes the same table of one file and of two that overlap, and compares digits no double tells apart', async () => {
    await load(url, [whole], { prices: 'numeric' });
    const expected = await candles(db);
    await wipe(db);
    const parts = [file('late', 20, 60), file('early', 0, 30)];
    for (const part of parts) await load(url, [part], { prices: 'numeric' });
    expect(await candles(db)).toBe(expected);
    const other = file('other', 10, 12, (i) => (i === 11 ? close(i).replace(/0$/, '9') : close(i)));
    const kept = await load(url, [other], { prices: 'numeric' });
    expect(kept.rows).toMatchObject({ loaded: 0, duplicate: 2, conflict: 1 });
    expect(await candles(db)).toBe(expected);
    await load(url, [other], { prices: 'numeric', onConflict: 'replace' });
    expect(
      await textOf(
        `SELECT string_agg(close_exact::text, ' ') AS text FROM backhaul.candles WHERE close_exact::text LIKE '%9'`,
      ),
    ).toBe(close(11).replace(/0$/, '9'));
  });

  it('goes out in an export and comes in again with every digit; what is taken out leaves the others as they were', async () => {
    const [early, late] = [file('first', 0, 30), file('second', 30, 60)];
    await load(url, [early], { prices: 'numeric' });
    const expected = await candles(db);
    await load(url, [late], { prices: 'numeric' });
    const both = await candles(db);
    const done = async (...args: string[]): Promise<void> => {
      const { code, stderr } = await answerOf([...args, '--database', url], { cwd: folder });
      expect({ code, stderr }).toMatchObject({ code: 0 });
    };
    await done('export', 'out', '--format', 'parquet');
    await done('unload', late);
    expect(await candles(db)).toBe(expected);
    await wipe(db);
    await load(url, [join(folder, 'out')]);
    expect(await candles(db)).toBe(both);
    // Held against the vendor's file, the digits are the same ones.
    const again = await load(url, [early], { prices: 'numeric' });
    expect(again.rows).toMatchObject({ loaded: 0, duplicate: 30, conflict: 0 });
    expect(await textOf(`SELECT min(close_exact)::text AS text FROM backhaul.candles`)).toBe(close(0));
    expect(await candles(db)).toBe(both);
  });

  it('reads the numbers of every dialect: commas, thousands, suffixes, fixed points', async () => {
    const layout = (name: string, more: string): string =>
      write(
        folder,
        `${name}.yaml`,
        `name: ${name}
paths: '(?<symbol>[A-Z]+)_(?<interval>1h)\\.csv$'
columns: [time, open, high, low, close, volume]
header: none
delimiter: ';'
volume: optional
time: { unit: s }
venue: ${name}
symbol: { group: symbol }
interval: { group: interval }
${more}`,
      );
    const german = layout('german', "numbers: { decimal: ',', thousands: '.', suffixes: true }");
    const fixed = layout('fixed', 'numbers: { scale: 1e-9 }');
    const text = write(
      folder,
      'german/DAX_1h.csv',
      `${START};1.234,50;1.240,00;1.230,25;1.238,7500;59,40K\n`,
    );
    const raw = write(
      folder,
      'fixed/ES_1h.csv',
      `${START};4135500000000;4136e9;4135250000000;4135750000010;\n`,
    );
    await load(url, [text], { layout: german, prices: 'numeric' });
    await load(url, [raw], { layout: fixed, prices: 'numeric' });
    const { rows } = await db.query(
      `SELECT symbol, close, open_exact::text AS open, high_exact::text AS high, close_exact::text AS close_exact,
         volume_exact::text AS volume FROM backhaul.candles ORDER BY symbol`,
    );
    expect(rows).toEqual([
      {
        symbol: 'DAX',
        close: 1238.75,
        open: '1234.50',
        high: '1240.00',
        close_exact: '1238.7500',
        volume: '59400',
      },
      {
        symbol: 'ES',
        close: 4135.75000001,
        open: '4135.500000000',
        high: '4136',
        close_exact: '4135.750000010',
        volume: null,
      },
    ]);
  });
});
