import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { locateFile } from '../../src/inspect/located_file.ts';
import { inspectionLines } from '../../src/ui/inspect_text.ts';
import { faultOf } from '../producer/archive/memory_reader.ts';
import { tarBytes } from '../producer/archive/tar_bytes.ts';
import { zipBytes } from '../producer/archive/zip_bytes.ts';
import { folderWith, us } from '../producer/folder.ts';
import { inspected, read } from './inspecting.ts';

const T0 = us('2024-03-01T00:00:00Z') / 1e6;
const hours = (records: readonly string[]): string =>
  records.map((record, i) => `${T0 + 3600 * i},${record}\n`).join('');

describe('daily bars from before 1980', () => {
  const DAY = 86_400;
  const file = (stamps: readonly (number | string)[]): string =>
    `time,open,high,low,close,volume\n${stamps.map((at, i) => `${at},${10 + (i % 3)},13,9,11,7\n`).join('')}`;
  /** From 1966 to 1983, past 1970 and past what a wrong unit would make. */
  const days = Array.from({ length: 6_000 }, (_, i) => (i - 1_300) * DAY);
  const folder = folderWith({
    'up/BATS_OLD, 1D.csv': file(days),
    'down/BATS_OLD, 1D.csv': file(days.toReversed()),
    'zero/BATS_OLD, 1D.csv': file([...days.slice(-300), 0, ...days.slice(-300, -298)]),
    'date/BATS_OLD, 1D.csv': file(Array.from({ length: 28 }, (_, i) => 20_200_201 + i)),
  });

  it('are read by numbers too, in either order', async () => {
    for (const order of ['up', 'down']) {
      const { reading } = await read(join(folder, order, 'BATS_OLD, 1D.csv'));
      expect(reading).toMatchObject({ read: 6_000, bars: 6_000, rejected: 0, fault: null });
    }
  });

  it('are not what zeros and dates without a mark are taken for', async () => {
    const { reading } = await read(join(folder, 'zero', 'BATS_OLD, 1D.csv'));
    expect(reading.rejects.map(({ reason }) => reason)).toContain('timestamp');
    const dates = await read(join(folder, 'date', 'BATS_OLD, 1D.csv'));
    expect(dates.reading.fault?.message).toBe('More than half of the first stamps lie outside all reason.');
  });
});

describe('a file of the catalogue', () => {
  const text = hours([
    '10,12,9,11,1.5,3',
    '11,12,10,12,2,4',
    '12,11,10,12,1,1',
    '12,13,x,12,1,1',
    '12,14,11,13,7,9',
  ]);
  const folder = folderWith({
    'XBTUSD_60.csv': text,
    'SOLUSD_60.csv.gz': gzipSync(hours(['1,2,1,2,5,6', '2,3,2,3,5,6'])),
  });

  it('is told by its name; the ends as they would be stored, and what would be set aside, with why', async () => {
    const found = await read(join(folder, 'XBTUSD_60.csv'));
    expect(found).toMatchObject({
      layout: 'kraken-ohlcvt',
      layoutFrom: 'name',
      container: 'plain',
      encoding: 'utf-8',
      delimiter: ',',
      headerLine: null,
      time: { unit: 's', zone: 'UTC', stamps: 'open' },
      interval: { value: '1h', from: 'the name' },
      venue: { value: 'kraken', from: 'the layout' },
      symbol: { value: 'XBTUSD' },
    });
    expect(found.columns.map(({ role, example }) => `${role} ${example}`)).toEqual([
      `time ${T0}`,
      'open 10',
      'high 12',
      'low 9',
      'close 11',
      'volume 1.5',
      'trades 3',
    ]);
    const { reading } = found;
    expect(reading).toMatchObject({ read: 5, bars: 3, rejected: 2, empty: 0, inOrder: true, fault: null });
    expect(reading.first.map(({ barTs, close }) => [barTs, close])).toEqual([
      [T0 * 1e6, 11],
      [(T0 + 3600) * 1e6, 12],
    ]);
    expect(reading.last.at(-1)).toEqual({
      symbol: 'XBTUSD',
      barTs: (T0 + 4 * 3600) * 1e6,
      open: 12,
      high: 14,
      low: 11,
      close: 13,
      volume: 7,
      trades: 9,
    });
    expect(
      reading.rejects.map(({ reason, count, first }) => [reason, count, first[0]!.line, first[0]!.field]),
    ).toEqual([
      ['high-low', 1, 3, 'high'],
      ['number', 1, 4, 'low'],
    ]);
    const lines = inspectionLines(found, 200).join('\n');
    for (const word of ['kraken-ohlcvt', '1h', '2024-03-01 04:00', 'high-low', '2 set aside'])
      expect(lines).toContain(word);
  });

  it('is unpacked first, and one of a zip is named behind it', async () => {
    expect(await read(join(folder, 'SOLUSD_60.csv.gz'))).toMatchObject({
      container: 'gzip',
      reading: { bars: 2 },
    });
    const zip = join(folder, 'Kraken_OHLCVT_Q1_2024.zip');
    writeFileSync(
      zip,
      zipBytes([
        { name: 'ADAUSD_60.csv', data: Buffer.from(hours(['1,2,1,2,5,6'])) },
        { name: 'Q1/XRPUSD_60.csv', data: Buffer.from(hours(['3,4,3,4,5,6', '4,4,4,4,1,1'])) },
      ]),
    );
    expect(await read(zip)).toMatchObject({ entry: 'ADAUSD_60.csv', others: 1, symbol: { value: 'ADAUSD' } });
    expect(await read(`${zip}/Q1/XRPUSD_60.csv`)).toMatchObject({
      symbol: { value: 'XRPUSD' },
      reading: { bars: 2 },
    });
    expect(await faultOf(read(`${zip}/XRPUSD_6.csv`))).toMatchObject({
      kind: 'usage',
      hint: 'did you mean Q1/XRPUSD_60.csv?',
    });
  });

  it('of a tar, packed or not, is named behind it', async () => {
    const tar = tarBytes([
      { name: 'readme.txt', data: Buffer.from('Candles.') },
      { name: 'ADAUSD_60.csv', data: Buffer.from(hours(['1,2,1,2,5,6'])) },
      { name: 'Q1/XRPUSD_60.csv.gz', data: gzipSync(hours(['3,4,3,4,5,6', '4,4,4,4,1,1'])) },
    ]);
    for (const [name, bytes] of [
      ['bars.tar', tar],
      ['bars.tgz', gzipSync(tar)],
    ] as const) {
      const file = join(folder, name);
      writeFileSync(file, bytes);
      const outside = name === 'bars.tar' ? 'tar' : 'tar, gzip';
      expect(await read(file)).toMatchObject({
        entry: 'ADAUSD_60.csv',
        others: 1,
        container: outside,
        reading: { bars: 1 },
      });
      expect(await read(`${file}/XRPUSD_60.csv.gz`)).toMatchObject({
        entry: 'Q1/XRPUSD_60.csv.gz',
        container: `gzip in ${outside}`,
        symbol: { value: 'XRPUSD' },
        reading: { bars: 2 },
      });
      expect(await faultOf(read(`${file}/XRPUSD_6.csv.gz`))).toMatchObject({
        kind: 'usage',
        message: 'the tar holds no XRPUSD_6.csv.gz',
      });
    }
    writeFileSync(join(folder, 'cut.tgz'), gzipSync(tar).subarray(0, 150));
    expect(await faultOf(read(join(folder, 'cut.tgz')))).toMatchObject({ kind: 'truncated' });
  });

  it('that a load would not take says why', async () => {
    const bad = folderWith({ 'XBTUSD_60.csv': hours(Array.from({ length: 30 }, () => '5,4,3,5,1,1')) });
    const { reading } = await read(join(bad, 'XBTUSD_60.csv'));
    expect(reading).toMatchObject({ bars: 0, rejected: 30, fault: { kind: 'too-many-rejects' } });
  });

  it('in no order is shown in order', async () => {
    const back = folderWith({
      'XBTUSD_60.csv': hours(['1,2,1,2,5,6', '2,3,2,3,5,6', '3,3,3,3,1,1']).split('\n').reverse().join('\n'),
    });
    const { reading } = await read(join(back, 'XBTUSD_60.csv'));
    expect(reading).toMatchObject({ bars: 3, inOrder: false });
    expect(reading.first[0]!.close).toBe(2);
  });
});

it('a folder, a missing file and a file of no known layout are told from each other', async () => {
  const folder = folderWith({ 'words.csv': 'a,b\nc,d\n' });
  const never = new AbortController().signal;
  expect(await faultOf(locateFile(folder, {}, never))).toMatchObject({
    kind: 'usage',
    message: expect.stringContaining('folder'),
  });
  expect(await faultOf(locateFile(join(folder, 'word.csv'), {}, never))).toMatchObject({ kind: 'usage' });
  expect(await inspected(join(folder, 'words.csv'))).toMatchObject({ fault: { kind: 'not-a-bar-file' } });
});
