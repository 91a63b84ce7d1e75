import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { type DayFiles, dayFiles, tradingDay } from '../../src/bench/day_files.ts';
import { BARS_A_TICKER_DAY, sizeOf } from '../../src/bench/size.ts';
import { BackhaulError } from '../../src/faults/fault.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'backhaul-bench-'));
  folders.push(folder);
  return folder;
}

const never = new AbortController().signal;
const make = (
  root: string,
  seed = '1',
  tickers = 12,
  signal = never,
): Promise<DayFiles & { readonly made: boolean }> =>
  dayFiles(root, { days: 3, tickers, seed }, signal, () => {});

describe('the data of a benchmark', () => {
  it('is the same for the same seed and size, wherever it is made', async () => {
    const [one, two] = await Promise.all([make(scratch()), make(scratch())]);
    expect(two.sha256).toBe(one.sha256);
    expect(two.files.map(({ records }) => records)).toEqual(one.files.map(({ records }) => records));
    const texts = one.files.map(({ path }) => gunzipSync(readFileSync(path)));
    expect(createHash('sha256').update(Buffer.concat(texts)).digest('hex')).toBe(one.sha256);
    const lines = texts.map((text) => text.toString().trimEnd().split('\n').length - 1);
    expect(lines).toEqual(one.files.map(({ records }) => records));
  });

  it('is another for another seed', async () => {
    const root = scratch();
    const [one, two] = [await make(root, '1'), await make(root, '2')];
    expect(two.sha256).not.toBe(one.sha256);
    expect(two.folder).not.toBe(one.folder);
  });

  it('is used again, and made anew once a file is not what it was', async () => {
    const root = scratch();
    const { made, ...first } = await make(root);
    const { made: again, ...second } = await make(root);
    expect([made, again]).toEqual([true, false]);
    expect(second).toEqual(first);
    truncateSync(first.files[1]!.path, 10);
    const { made: anew, ...third } = await make(root);
    expect(anew).toBe(true);
    expect(third).toEqual(first);
  });

  it('that was interrupted is made again', async () => {
    const root = scratch();
    const stopped = AbortSignal.abort(new Error('stopped'));
    await expect(make(root, '1', 12, stopped)).rejects.toThrow();
    expect((await make(root)).made).toBe(true);
  });

  it('has a file a weekday, over the end of a month', () => {
    const days = [0, 1, 2, 6, 7, 11, 12].map((n) => new Date(tradingDay(n)).toISOString().slice(0, 10));
    expect(days).toEqual([
      '2024-05-30',
      '2024-05-31',
      '2024-06-03',
      '2024-06-07',
      '2024-06-10',
      '2024-06-14',
      '2024-06-17',
    ]);
  });
});

describe('the size', () => {
  it('is a million records a file by default', () => {
    const { days, tickers } = sizeOf({});
    expect(days).toBe(4);
    expect(tickers * BARS_A_TICKER_DAY).toBeGreaterThan(1e6);
  });

  it('follows from two of records, days and tickers', () => {
    expect(sizeOf({ records: 123_000, days: 2 })).toEqual({ days: 2, tickers: 500, seed: '1' });
    expect(sizeOf({ records: 123_000, tickers: 100, seed: 'x' })).toEqual({
      days: 10,
      tickers: 100,
      seed: 'x',
    });
    expect(sizeOf({ records: 500e6 })).toMatchObject({ tickers: 8399, days: 484 });
  });

  it('cannot be asked for by all three, nor beyond the names there are', () => {
    expect(() => sizeOf({ records: 1000, days: 1, tickers: 1 })).toThrow(BackhaulError);
    expect(() => sizeOf({ records: 1e9, days: 1 })).toThrow('ask for more --days');
  });
});
