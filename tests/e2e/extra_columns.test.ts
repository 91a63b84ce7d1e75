import { describe, expect, it } from 'vitest';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder, wipe } from './loading.ts';
import { write } from './market.ts';

/** Columns that a layout keeps beside the bars: real columns, exactly once, part of what two files are compared by. */

const database = await testDatabase();
const db = database.pool;
const folder = scratchFolder();
const START = Date.UTC(2024, 0, 1) / 1000;
const HOUR = 3600;

const EXTRA = '{ Quote Volume: float8, vwap: float8, open_interest: int8, settled: numeric, note: text }';

function layout(name: string, extra: string): string {
  return write(
    folder,
    `${name}.yaml`,
    `name: desk
paths: '(?<symbol>[A-Z]+)_(?<interval>1h)\\.csv$'
columns: { time: time, open: open, high: high, low: low, close: close, volume: volume }
header: required
time: { unit: s }
venue: desk
symbol: { group: symbol }
interval: { group: interval }
order: time
${extra}`,
  );
}
const withExtras = layout('extras', `extra: ${EXTRA}`);
const plain = layout('plain', '');

const HEAD = 'time,open,high,low,close,volume,Quote Volume,VWAP,open_interest,settled,note\n';

function records(from: number, to: number, more: (i: number) => string): string {
  return Array.from({ length: to - from }, (_, k) => {
    const i = from + k;
    return `${START + i * HOUR},${10 + i},${12 + i},${9 + i},${11 + i},${100 + i},${more(i)}\n`;
  }).join('');
}
const more = (i: number): string =>
  i % 5 === 4
    ? ',null,,NaN,'
    : `${i}.5,${10 + i}.25,${900_719_925_474_099_312n + BigInt(i)},1.10${i}0,"a, ${i}"`;

const file = (name: string, text: string): string => write(folder, `${name}/ES_1h.csv`, HEAD + text);
const whole = file('whole', records(0, 40, more));
const first = file('first', records(0, 20, more));
const second = file('second', records(15, 40, more));

async function columnsOf(relation: string): Promise<string[]> {
  const { rows } = await db.query<{ name: string; type: string }>(
    `SELECT attname AS name, atttypid::regtype::text AS type FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [`backhaul.${relation}`],
  );
  return rows.slice(-5).map(({ name, type }) => `${name} ${type}`);
}

describe('columns that a layout keeps', () => {
  it('are columns of bars and candles by their types, a vendor’s vwap beside ours', async () => {
    const summary = await load(database.url, [whole], { layout: withExtras });
    expect(summary.rows).toMatchObject({ read: 40, loaded: 40, rejected: 0 });
    const added = [
      'quote_volume double precision',
      'vendor_vwap double precision',
      'open_interest bigint',
      'settled numeric',
      'note text',
    ];
    for (const relation of ['bars', 'bars_bare', 'candles']) expect(await columnsOf(relation)).toEqual(added);
    const { rows } = await db.query(
      `SELECT quote_volume, vendor_vwap, open_interest::text AS open_interest, settled::text AS settled, note
       FROM backhaul.candles WHERE ts = to_timestamp(${START + 3 * HOUR})`,
    );
    expect(rows).toEqual([
      {
        quote_volume: 3.5,
        vendor_vwap: 13.25,
        open_interest: '900719925474099315',
        settled: '1.1030',
        note: 'a, 3',
      },
    ]);
    const { rows: of } = await db.query(
      `SELECT vendor_vwap, note FROM backhaul.candles_of('desk', 'ES', '1h') ORDER BY ts LIMIT 1`,
    );
    expect(of).toEqual([{ vendor_vwap: 10.25, note: 'a, 0' }]);
    const { rows: nulls } = await db.query(
      `SELECT count(*) FILTER (WHERE num_nulls(quote_volume, vendor_vwap, open_interest, settled, note) = 5)::int AS n,
         count(vwap)::int AS ours FROM backhaul.candles`,
    );
    expect(nulls).toEqual([{ n: 8, ours: 40 }]);
  });

  it('come out the same of one file and of two that overlap, in any order', async () => {
    await wipe(db);
    await load(database.url, [whole], { layout: withExtras });
    const expected = await candles(db);
    for (const order of [
      [first, second],
      [second, first],
    ]) {
      await wipe(db);
      let duplicates = 0;
      for (const one of order)
        duplicates += (await load(database.url, [one], { layout: withExtras })).rows.duplicate;
      expect(duplicates).toBe(5);
      expect(await candles(db)).toBe(expected);
    }
  });

  it('make a conflict where they alone differ, and are replaced when that is asked for', async () => {
    await wipe(db);
    await load(database.url, [first], { layout: withExtras });
    const other = file(
      'other',
      records(0, 10, (i) => more(i).replace('.5,', '.75,')),
    );
    const kept = await load(database.url, [other], { layout: withExtras });
    expect(kept.rows).toMatchObject({ loaded: 0, conflict: 8, duplicate: 10 });
    const { rows } = await db.query<{ standing: object; incoming: object }>(
      'SELECT standing, incoming FROM backhaul.conflict ORDER BY ts LIMIT 1',
    );
    expect(rows[0]).toMatchObject({ standing: { quote_volume: 0.5 }, incoming: { quote_volume: 0.75 } });
    const again = file(
      'again',
      records(0, 10, (i) => more(i).replace('.5,', '.875,')),
    );
    await load(database.url, [again], { layout: withExtras, onConflict: 'replace' });
    const sum = async (): Promise<unknown> =>
      (
        await db.query(
          `SELECT count(*)::int AS n FROM backhaul.candles WHERE quote_volume::numeric % 1 = 0.875`,
        )
      ).rows;
    expect(await sum()).toEqual([{ n: 8 }]);
    // A file that says nothing of them replaces bars, not their half.
    const bare = write(
      folder,
      'bare/ES_1h.csv',
      `time,open,high,low,close,volume\n${START},1,2,1,2,5\n${START + HOUR},1,2,1,2,5\n`,
    );
    await load(database.url, [bare], { layout: plain, onConflict: 'replace' });
    expect(await sum()).toEqual([{ n: 6 }]);
  });

  it('are rejects where they are none of their type, and refused where the header has not one of them', async () => {
    await wipe(db);
    const bad = file(
      'bad',
      records(0, 12, (i) => (i === 3 ? '1,1,1.5,1,x' : i === 4 ? 'x,1,1,1,x' : more(i))),
    );
    const summary = await load(database.url, [bad], { layout: withExtras });
    expect(summary.rows).toMatchObject({ loaded: 10, rejected: 2 });
    const { rows } = await db.query('SELECT field FROM backhaul.reject ORDER BY line');
    expect(rows).toEqual([{ field: 'open_interest' }, { field: 'quote_volume' }]);
    const slip = layout('slip', 'extra: { quote_volumes: float8 }');
    const refused = await load(database.url, [whole], { layout: slip });
    expect(refused.tasks.failed).toBe(1);
  });

  it('are refused with another type than they stand with', async () => {
    const other = layout('type', 'extra: { note: numeric }');
    await expect(load(database.url, [whole], { layout: other })).rejects.toThrow(
      /note as numeric.*has it as text/,
    );
  });
});
