import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkLayout } from '../../src/producer/layouts/checked_layout.ts';
import { folderWith } from '../producer/folder.ts';
import { read } from './inspecting.ts';

/** Layouts as people write them for files they have, and the bars they get. */

const BASE = {
  columns: ['time', 'open', 'high', 'low', 'close', 'volume'],
  header: 'none',
  time: { unit: 's' },
  venue: 'desk',
  symbol: 'ABC',
  interval: '1m',
};
const AT = '2022-06-07T12:00';

/** What the first record is stored as: its stamp to the minute, and its numbers. */
async function bar(keys: object, text: string): Promise<unknown[]> {
  const folder = folderWith({ 'f.csv': text });
  const { reading } = await read(join(folder, 'f.csv'), checkLayout({ ...BASE, ...keys }, 'my.yaml', 'my'));
  const [first] = reading.first;
  if (first === undefined) throw new Error(`no bar: ${JSON.stringify(reading.rejects)}`);
  const { barTs, open, high, low, close, volume } = first;
  return [new Date(barTs / 1000).toISOString().slice(0, 16), open, high, low, close, volume];
}

describe('a layout of one’s own', () => {
  const two = ['date', 'time_of_day', 'open', 'high', 'low', 'close', 'volume'];
  const prices = '4,8,2,6,9\n';

  it.each([
    [
      'a time of day before its day',
      { columns: ['time_of_day', 'date', ...two.slice(2)], time: { format: 'HH:mm dd.MM.yyyy' } },
      `12:00,07.06.2022,${prices}`,
    ],
    ['a serial day and its fraction', { columns: two, time: { unit: 'excel' } }, `44719,0.5,${prices}`],
    [
      'a zone of whole hours',
      { time: { format: 'yyyy-MM-dd HH:mm', zone: -7 } },
      `2022-06-07 05:00,${prices}`,
    ],
    [
      'a map in the order of the file',
      { columns: { close: 'c', time: 't', low: 'l', high: 'h', open: 'o', volume: 'v' } },
      '6,1654603200,2,8,4,9\n',
    ],
    [
      'offsets as people write them',
      { time: { format: 'yyyy-MM-dd HH:mm X' } },
      `2022-06-07 14:00 UTC+2,${prices}`,
    ],
  ])('reads %s', async (_, keys, text) => {
    expect(await bar(keys, text)).toEqual([AT, 4, 8, 2, 6, 9]);
  });

  it('reads months by their names, of bars of months alone', async () => {
    const monthly = (time: object, text: string) => bar({ interval: '1mo', time }, `${text},${prices}`);
    const expected = ['2022-06-01T00:00', 4, 8, 2, 6, 9];
    expect(await monthly({ format: 'yyyy-MM' }, '2022-06')).toEqual(expected);
    expect(await monthly({ unit: 'text' }, 'Jun 2022')).toEqual(expected);
    const named = {
      interval: { column: 'bar' },
      columns: [...BASE.columns, 'bar'],
      time: { format: 'yyyy-MM' },
    };
    expect(await bar(named, `2022-06,${prices.trim()},1mo\n`)).toEqual(expected);
    await expect(bar(named, `2022-06,${prices.trim()},1d\n`)).rejects.toThrow(/timestamp/);
  });

  it('reads thousands in prices that are multiples', async () => {
    const keys = { delimiter: ';', numbers: { scale: 0.01, thousands: ',' } };
    const text = '1654603200;400,000;800,000;200,000;600,000;9\n';
    expect(await bar(keys, text)).toEqual([AT, 4000, 8000, 2000, 6000, 9]);
  });

  it('finds symbol, venue and interval in columns that it calls by names of its own', async () => {
    const folder = folderWith({ 'f.csv': `QQ,1654603200,${prices.trim()},pit,1m\n` });
    const layout = checkLayout(
      {
        ...BASE,
        columns: ['ticker', ...BASE.columns, 'exchange', 'bar'],
        symbol: { column: 'ticker' },
        venue: { column: 'exchange' },
        interval: { column: 'bar' },
      },
      'my.yaml',
      'my',
    );
    const found = await read(join(folder, 'f.csv'), layout);
    expect(found.venue.value).toBe('pit');
    expect(found.interval.value).toBe('1m');
    expect(found.reading.first[0]?.symbol).toBe('QQ');
  });

  it('keeps the close beside an adjusted one that is asked for', async () => {
    const keys = {
      header: 'required',
      columns: { time: 't', open: 'Open', high: 'High', low: 'Low', close: 'Adj Close', volume: 'Volume' },
      extra: { Close: 'float8' },
    };
    const layout = checkLayout({ ...BASE, ...keys }, 'my.yaml', 'my');
    expect(layout.shape.columns.find(({ role }) => role === 'extra')?.extra?.name).toBe('vendor_close');
    const text = 't,Open,High,Low,Close,Adj Close,Volume\n1654603200,4,8,2,7,6,9\n';
    expect(await bar(keys, text)).toEqual([AT, 4, 8, 2, 6, 9]);
  });

  it('has a volume that may be missing where its column may', async () => {
    const columns = [...BASE.columns.slice(0, 5), { role: 'volume', names: 'v', optional: true }];
    const text = 'time,open,high,low,close\n1654603200,4,8,2,6\n';
    expect(await bar({ header: 'required', columns }, text)).toEqual([AT, 4, 8, 2, 6, null]);
  });

  it.each([
    [{ time: { zone: -700 } }, "time.zone: an offset stands in quotes, so that it is no number: '-05:00'"],
    [{ extra: { oi: 'int8' } }, 'extra.oi: is none of columns, which without a header list all'],
    [
      { calendar: { zone: 'UTC', week: { Tuesday: '9:00-17:00' } } },
      'calendar.week: there is no day Tuesday; did you mean tue?',
    ],
    [{ calendar: { zone: 'UTC', week: { tue: '9-17' } } }, 'calendar.week.tue: hours such as 09:30-16:00'],
  ])('%j is told as what it is', (keys, message) => {
    expect(() => checkLayout({ ...BASE, ...keys }, 'my.yaml', 'my')).toThrow(
      `the layout my.yaml is not valid: ${message}`,
    );
  });

  it('takes numbers and null for words of no value, and hours of one digit', () => {
    const { numbers, calendar } = checkLayout(
      {
        ...BASE,
        numbers: { null: [0, null, '-'] },
        calendar: { zone: 'UTC', week: { tue: '9:00 - 17:30' } },
      },
      'my.yaml',
      'my',
    );
    expect(numbers.null).toEqual(['0', 'null', '-']);
    expect(calendar).toMatchObject({ week: { tue: ['09:00-17:30'] } });
  });
});

describe('a zone that nothing tells', () => {
  const head = 'Open,High,Low,Close';
  const jforex = (time: string, stamp: string): string =>
    `${time},${head},Volume\n${stamp},1.1,1.2,1.0,1.1,5\n`;
  const folder = folderWith({
    'local/EURCHF_Candlestick_1_M_BID_01.06.2022-30.06.2022.csv': jforex(
      'Local time',
      '07.06.2022 14:00:00.000',
    ),
    'offset/EURCHF_Candlestick_1_M_BID_01.06.2022-30.06.2022.csv': jforex(
      'Local time',
      '07.06.2022 14:00:00.000 GMT+0200',
    ),
    'gmt/EURCHF_Candlestick_1_M_BID_01.06.2022-30.06.2022.csv': jforex('Gmt time', '07.06.2022 12:00:00.000'),
    'naive/MSFT_1m.csv': `Datetime,${head},Adj Close,Volume\n2022-06-07 09:31:00,1,2,1,2,2,5\n2022-06-07 09:32:00,1,2,1,2,2,5\n`,
    'aware/MSFT_1m.csv': `Datetime,${head},Adj Close,Volume\n2022-06-07 09:31:00-04:00,1,2,1,2,2,5\n2022-06-07 09:32:00-04:00,1,2,1,2,2,5\n`,
    'daily/MSFT_1d.csv': `Date,${head},Adj Close,Volume\n2022-06-07,1,2,1,2,2,5\n2022-06-08,1,2,1,2,2,5\n`,
  });
  const name = 'EURCHF_Candlestick_1_M_BID_01.06.2022-30.06.2022.csv';

  it('is asked for where the heading says it is the clock of somewhere', async () => {
    const { reading } = await read(join(folder, 'local', name));
    expect(reading).toMatchObject({ bars: 0, fault: { found: '07.06.2022 14:00:00.000' } });
    expect(reading.fault?.hint).toContain("format: 'dd.MM.yyyy HH:mm:ss.SSS', zone: Europe/Zurich");
    for (const [way, layout] of [
      ['offset', 'dukascopy-local'],
      ['gmt', 'dukascopy-jforex'],
    ] as const) {
      const found = await read(join(folder, way, name));
      expect([found.layout, found.reading.first[0]?.barTs, found.notes]).toEqual([
        layout,
        Date.parse(`${AT}Z`) * 1000,
        [],
      ]);
    }
  });

  it('is said to be taken for UTC’s, but for days and stamps that tell', async () => {
    const notes = async (path: string): Promise<string> => (await read(join(folder, path))).notes.join();
    expect(await notes('naive/MSFT_1m.csv')).toContain('name no zone, and are read as UTC');
    expect(await notes('aware/MSFT_1m.csv')).toBe('');
    expect(await notes('daily/MSFT_1d.csv')).toBe('');
  });
});
