import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { answerOf } from '../commands/in_process.ts';
import { jsonLines, scratchFolder } from '../commands/run_cli.ts';
import { testDatabase } from '../database.ts';
import { krakenCsv, walk, write } from '../e2e/market.ts';
import { zipBytes } from '../producer/archive/zip_bytes.ts';

/** `gaps`, `report`, `validate`, `recompute` and `load --incremental`, as a user runs them. */

const database = await testDatabase({ content: 'empty' });
const folder = scratchFolder();
const quarterS = (quarter: number): number => Date.UTC(2024, 3 * quarter - 3, 1) / 1000;
const files: string[] = [];

const cli = (...args: string[]): ReturnType<typeof answerOf> =>
  answerOf(args, { cwd: folder, env: { DATABASE_URL: database.url } });

beforeAll(() => {
  writeFileSync(join(folder, 'backhaul.yaml'), 'TIER1: [ETHUSD]\nTIER2: [SOLUSD]\n');
  const series = (['XBTUSD', 'ETHUSD'] as const).map((symbol, i) => ({
    symbol,
    bars: walk(symbol, quarterS(1), quarterS(4), 86_400, i + 1, 1),
  }));
  for (const quarter of [1, 2, 3]) {
    const entries = series.map(({ symbol, bars }) => ({
      name: `${symbol}_1440.csv`,
      data: krakenCsv(
        bars.filter((bar) => bar.time >= quarterS(quarter) && bar.time < quarterS(quarter + 1)),
      ),
    }));
    files.push(write(folder, `Kraken_OHLCVT_2024Q${quarter}.zip`, zipBytes(entries)));
  }
});

describe('the commands', () => {
  it('find gaps, tell the files that fill them, fill them, and report completeness', async () => {
    const nothing = await cli('gaps', 'scan');
    expect([nothing.code, nothing.stderr]).toEqual([
      1,
      expect.stringContaining('Nothing has been loaded into this database'),
    ]);
    expect((await cli('load', files[0]!, files[2]!, '--workers', '1')).code).toBe(0);

    const scan = await cli('gaps', 'scan', '--to', '2024-10-01', '--json');
    expect([scan.code, scan.stderr]).toEqual([0, '']);
    const [first, second, sums] = jsonLines(scan.stdout);
    expect([first!['symbol'], second!['symbol']]).toEqual(['ETHUSD', 'XBTUSD']);
    expect(first).toMatchObject({
      type: 'gap',
      start_ts: '2024-04-01T00:00:00.000000Z',
      end_ts: '2024-07-01T00:00:00.000000Z',
      candles: 91,
      state: 'unfillable',
      file: 'Kraken_OHLCVT_2024Q2.zip › ETHUSD_1440.csv',
    });
    expect(sums).toMatchObject({
      type: 'scan',
      series: 2,
      expected: 548,
      vouched: 366,
      gaps: 2,
      candles: 182,
      added: 2,
    });

    const csv = (await cli('gaps', 'list', '--csv', '--tiers', 'TIER1')).stdout.trim().split('\n');
    expect(csv).toHaveLength(2);
    expect(csv[1]).toMatch(
      /^Kraken_OHLCVT_2024Q2\.zip,ETHUSD_1440\.csv,2024-07-01,kraken,ETHUSD,86400,2024-04-01T00:00:00\.000000Z,/,
    );

    for (const command of [['gaps', 'scan'], ['report'], ['validate']]) {
      const empty = await cli(...command, '--to', '2010');
      expect([empty.code, empty.stdout]).toEqual([2, '']);
      expect(empty.stderr).toMatch(
        /^backhaul: no bar is expected in this range; the first bar is of 2024-01-01 00:00[^\n]*\n$/,
      );
    }
    expect((await cli('gaps', 'list')).stdout).toContain('2 gaps in 2 series, 182 bars missing');

    const wrong = await cli('gaps', 'fill', files[0]!);
    expect([wrong.code, wrong.stdout]).toEqual([3, '']);
    expect(wrong.stderr).toMatch(/nothing here covers any of 2 open gaps: nothing was changed\n$/);

    // A file whose name does not say what it covers has to be read; it holds nothing of the gap either.
    const plain = write(
      folder,
      'plain/XBTUSD_1440.csv',
      krakenCsv(walk('XBTUSD', quarterS(1), quarterS(2), 86_400, 1, 1)),
    );
    const vain = await cli('gaps', 'fill', plain);
    expect([vain.code, vain.stdout]).toEqual([3, '']);
    expect(vain.stderr).toMatch(/nothing in 1 file covers any of 2 open gaps: nothing was changed\n$/);

    const part = await cli(
      'gaps',
      'fill',
      files[1]!,
      '--symbols',
      'XBTUSD',
      '--from',
      '2024-05',
      '--to',
      '2024-06',
    );
    expect([part.code, part.stdout]).toEqual([
      0,
      '0 of 1 gap filled, 1 in part; 31 bars covered that were not\n',
    ]);
    const some = await cli('gaps', 'fill', plain, files[1]!, '--symbols', 'XBTUSD', '--to', '2024-05');
    expect([some.code, some.stdout]).toEqual([0, '1 of 1 gap filled; 30 bars covered that were not\n']);
    const fill = await cli('gaps', 'fill', files[1]!);
    expect([fill.code, fill.stdout]).toEqual([0, '2 of 2 gaps filled; 121 bars covered that were not\n']);
    const none = await cli('gaps', 'fill', files[1]!);
    expect([none.code, none.stdout]).toEqual([0, expect.stringContaining('No open gap is on record')]);
    expect((await cli('gaps', 'list')).stderr).toContain('No such gap is on record');

    const report = await cli('report', '--to', '2024-10-01', '--html', 'page.html');
    expect(report.code).toBe(0);
    expect(report.stdout).toMatch(/TIER1 +kraken ETHUSD +✓/);
    expect(report.stdout).toContain('TIER2 SOLUSD: nothing is loaded');
    expect(readFileSync(join(folder, 'page.html'), 'utf8')).toContain('<svg');

    const sound = await cli('validate', '--json');
    expect([sound.code, jsonLines(sound.stdout).at(-1)]).toEqual([
      0,
      expect.objectContaining({ type: 'validation', findings: 0 }),
    ]);
    const stale = await cli('validate', '--stale-hours', '48');
    expect([stale.code, stale.stdout]).toEqual([3, expect.stringMatching(/^fresh +kraken ETHUSD 1d /m)]);

    expect((await cli('recompute')).stdout).toBe('2 series computed again, 0 rows changed.\n');
    // The part of May left two gaps of one.
    expect((await cli('gaps', 'cleanup', '--days', '0')).stdout).toBe(
      'Forgotten: 3 filled gaps, 0 failed ones.\n',
    );

    const again = await cli('load', folder, '--incremental', '--workers', '1');
    // What was left out is in the source all the same.
    expect(again.stderr).not.toContain('not in the source any more');
    expect([again.code, again.stdout]).toEqual([
      0,
      expect.stringMatching(
        /^Nothing is newer than the bars that stand: [^\n]*6 files end there and were left out[^\n]*\n {2}2 files not read: 1 \.html, 1 \.yaml\n$/,
      ),
    ]);
  });

  it.each([
    [['gaps'], 'gaps needs one of: scan, list, fill, cleanup'],
    [['gaps', 'scn'], 'scn'],
    [['gaps', 'scan', '--from', '2024', '--to', '2024'], '--to must be after --from'],
    [['gaps', 'list', '--states', 'open'], 'expected some of detected'],
    [['gaps', 'list', '--tiers', 'TIER7'], 'there is no tier TIER7; did you mean TIER1?'],
    [['gaps', 'fill'], 'either sources'],
    [['gaps', 'fill', './nowhere'], 'nowhere'],
    [['gaps', 'fill', '.', '--from', '2024', '--to', '2023'], '--to must be after --from'],
    [['gaps', 'fill', '.', '--symbols', 'XBTUDS'], 'did you mean XBTUSD?'],
    [['report', '--from', '2024-02', '--to', '2024-01'], '--to must be after --from'],
    [['report', '--html', 'no/such/folder/page.html'], 'cannot be written to'],
    [['validate', '--checks', 'colour'], 'expected some of fresh'],
    [['recompute', '--symbol', 'X'], 'did you mean --symbols?'],
    [['load', '.', '--tiers', 'TIER1', '--symbols', 'XBTUSD'], 'no symbol of --symbols is in TIER1'],
  ])('answer %j in one line, exit 2', async (args, expected) => {
    const { code, stdout, stderr } = await cli(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(expected);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
