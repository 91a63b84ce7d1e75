import { describe, expect, it } from 'vitest';
import { scanSeries } from '../../src/gaps/scan.ts';
import { ALL_SERIES } from '../../src/series/series.ts';
import { testDatabase } from '../database.ts';
import { load, scratchFolder } from '../e2e/loading.ts';
import { write } from '../e2e/market.ts';

/** Calendars that layouts name: gaps know them, whether files are loaded with them or were loaded before. */

const database = await testDatabase();
const db = database.pool;
const folder = scratchFolder();
const at = (text: string): number => Date.parse(text) / 1000;

const text = (venue: string, calendar: string): string => `
name: ${venue}
paths: '(?<symbol>[A-Z]+)_(?<interval>1h)_(?<year>\\d{4})-(?<month>\\d{2})-(?<day>\\d{2})\\.csv$'
columns: [time, open, high, low, close]
header: none
time: { unit: s }
venue: ${venue}
symbol: { group: symbol }
interval: { group: interval }
order: time
${calendar}`;

/** Hourly bars of a day from one hour up to another. */
function day(symbol: string, date: string, from: number, to: number): void {
  const records = Array.from(
    { length: to - from },
    (_, i) => `${at(`${date}Z`) + (from + i) * 3600},3,4,2,3\n`,
  );
  write(folder, `${symbol}/${symbol}_1h_${date}.csv`, records.join(''));
}

async function holes(symbol: string): Promise<string[]> {
  const scans = await scanSeries(db, {
    filter: { ...ALL_SERIES, symbols: [symbol] },
    fromUs: null,
    toUs: at('2023-05-09T12:00Z') * 1e6,
    nowUs: at('2023-06-01Z') * 1e6,
  });
  return scans[0]!.holes.map(({ fromUs, toUs, candles }) => {
    const said = (us: number): string => new Date(us / 1000).toISOString().slice(5, 13);
    return `${said(fromUs)} ${said(toUs)} ${candles}`;
  });
}

const source = (symbol: string): string[] => [`${folder}/${symbol}`];

describe('the calendar of a layout', () => {
  it('closes weekends of currencies, from its first load on or when it is written later', async () => {
    day('EURUSD', '2023-05-05', 0, 21);
    day('EURUSD', '2023-05-08', 0, 24);
    day('EURUSD', '2023-05-09', 0, 24);
    const plain = write(folder, 'plain.yaml', text('desk', ''));
    await load(database.url, source('EURUSD'), { layout: plain });
    expect(await holes('EURUSD')).toEqual(['05-06T00 05-08T00 48']);
    const forex = write(folder, 'forex.yaml', text('desk', 'calendar: forex'));
    const again = await load(database.url, source('EURUSD'), { layout: forex });
    expect(again.nothingToDo).toBe(true);
    expect(await holes('EURUSD')).toEqual([]);
    // A layout that says nothing leaves what was said.
    await load(database.url, source('EURUSD'), { layout: plain });
    expect(await holes('EURUSD')).toEqual([]);
  });

  it('misses the day that files lack, and not the break of futures', async () => {
    day('ES', '2023-05-03', 0, 21);
    day('ES', '2023-05-05', 0, 21);
    day('ES', '2023-05-07', 22, 24);
    day('ES', '2023-05-08', 0, 24);
    day('ES', '2023-05-09', 0, 24);
    const layout = write(folder, 'cme.yaml', text('globex', 'calendar: cme'));
    await load(database.url, source('ES'), { layout });
    expect(await holes('ES')).toEqual(['05-04T00 05-05T00 23']);
  });

  it('may be hours and holidays of one’s own, from a file beside the layout', async () => {
    day('DAX', '2023-05-04', 7, 15);
    day('DAX', '2023-05-09', 7, 15);
    write(folder, 'days.txt', '# Frankfurt\n2023-05-08, a day off\n');
    const calendar = `calendar: { zone: Europe/Berlin, week: { mon: "09:00-17:00", thu: "09:00-17:00", fri: ["09:00-12:00"] }, holidays: days.txt }`;
    const layout = write(folder, 'own.yaml', text('xetra', calendar));
    await load(database.url, source('DAX'), { layout });
    expect(await holes('DAX')).toEqual(['05-05T07 05-05T10 3']);
  });
});
