import { rmSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { testDatabase } from '../database.ts';
import { candles, load, scratchFolder, wipe } from './loading.ts';
import { type Bar, krakenCsv, massiveCsv, walk, write } from './market.ts';

/** What bad input gets: rejects within the budget, a file that fails whole beyond it, never a row too few in silence. */

const database = await testDatabase();
const folder = scratchFolder();
const Q1 = Date.UTC(2024, 0, 1) / 1000;
const bars = walk('XBTUSD', Q1, Q1 + 30 * 86_400, 3600, 5);
const good = krakenCsv(bars);
const lines = good.trimEnd().split('\n');

let serial = 0;
/** A folder of its own with one file `XBTUSD_60.csv`. */
function file(content: string | Uint8Array, name = 'XBTUSD_60.csv'): string {
  return write(folder, `${++serial}/${name}`, content);
}

async function rejects(): Promise<{ line: number; byte_offset: number; reason: string; record: string }[]> {
  const { rows } = await database.pool.query(
    'SELECT line, byte_offset, reason, record FROM backhaul.reject ORDER BY line',
  );
  return rows;
}

afterEach(() => wipe(database.pool));

describe('a bad record', () => {
  it('is a reject that says where it lies, and the rest loads', async () => {
    const broken = [...lines];
    broken[3] = `${broken[3]!.split(',')[0]},12x,1,1,1,1,1`;
    const summary = await load(database.url, [file(`${broken.join('\n')}\n`)]);
    expect(summary.rows).toMatchObject({ read: bars.length, loaded: bars.length - 1, rejected: 1 });
    expect(await rejects()).toEqual([
      { line: 4, byte_offset: lines.slice(0, 3).join('\n').length + 1, reason: 'number', record: broken[3] },
    ]);
    expect(summary.rejects[0]).toMatchObject({ reason: 'number', count: 1, example: { line: 4 } });
  });

  it('beyond the budget fails the file whole, keeps nothing of it, and leaves the others be', async () => {
    const broken = lines.map((line, i) => (i % 20 === 0 ? `${line},one,too,many` : line));
    const bad = file(`${broken.join('\n')}\n`);
    const summary = await load(database.url, [bad, file(good, 'ETHUSD_60.csv')]);
    expect(summary.tasks).toMatchObject({ loaded: 1, failed: 1 });
    expect(summary.failures[0]!.fault).toMatchObject({ kind: 'too-many-rejects' });
    expect((await candles(database.pool)).split('\n').every((line) => line.includes('ETHUSD'))).toBe(true);
    expect(await rejects()).toEqual([]);
    // With a larger budget it loads.
    await database.pool.query('DELETE FROM backhaul.task_event');
    await wipe(database.pool);
    const again = await load(database.url, [bad], { maxRejects: 100, maxRejectShare: null });
    expect(again.rows.rejected).toBe(broken.filter((line) => line.endsWith('many')).length);
  });

  it('in a file of nothing else fails the file', async () => {
    const summary = await load(database.url, [file('1704067200,1,2,x,1,1,1\n1704070800,1,2,x,1,1,1\n')]);
    expect(summary.tasks).toMatchObject({ loaded: 0, failed: 1 });
  });
});

describe('a damaged container', () => {
  const day = massiveCsv(
    walk('AAPL', Q1 + 50_000, Q1 + 80_000, 60, 1).concat(walk('MSFT', Q1 + 50_000, Q1 + 80_000, 60, 2)),
  );
  const NAME = 'us_stocks_sip/minute_aggs_v1/2024/01/2024-01-01.csv.gz';

  it.each([
    ['cut short', day.subarray(0, day.length - 20), 'truncated'],
    [
      'with a flipped byte',
      Buffer.from(day.map((byte, i) => (i === day.length - 6 ? byte ^ 0xff : byte))),
      'corrupt',
    ],
    ['with something behind its end', Buffer.concat([day, Buffer.from('garbage!')]), 'corrupt'],
  ])('%s fails by name and keeps nothing', async (_, bytes, kind) => {
    const summary = await load(database.url, [file(bytes, NAME)]);
    expect(summary.failures.map((failure) => failure.fault.kind)).toEqual([kind]);
    expect(await candles(database.pool)).toBe('');
  });

  it('of two gzip members is read whole', async () => {
    const text = 'ticker,volume,open,close,high,low,window_start,transactions\n';
    const row = (s: number): string => `A,1,2,2,2,2,${Q1 + 50_400 + 60 * s}000000000,1\n`;
    const two = Buffer.concat([gzipSync(text + row(0)), gzipSync(row(1))]);
    expect((await load(database.url, [file(two, NAME)])).rows.loaded).toBe(2);
  });
});

describe('stamps that stand twice', () => {
  const changed = (bar: Bar): Bar => ({ ...bar, volume: bar.volume + 1 });

  it('in one file: equal rows are duplicates, of different ones the last wins', async () => {
    const some = bars.slice(0, 50);
    const text = krakenCsv([
      ...some.slice(0, 10),
      some[9]!,
      ...some.slice(10, 20),
      changed(some[19]!),
      ...some.slice(20),
    ]);
    const summary = await load(database.url, [file(text)], { maxRejectShare: null });
    expect(summary.rows).toMatchObject({ read: 52, loaded: 50, duplicate: 1, rejected: 1 });
    expect((await rejects()).map((reject) => reject.reason)).toEqual(['conflict']);
    const { rows } = await database.pool.query(
      'SELECT volume FROM backhaul.candles WHERE ts = to_timestamp($1)',
      [some[19]!.time],
    );
    expect(rows).toEqual([{ volume: some[19]!.volume + 1 }]);
  });

  it('in two files: equal rows are counted, different ones keep what stands', async () => {
    await load(database.url, [file(good)]);
    const before = await candles(database.pool);
    const other = bars.map((bar, i) => (i % 100 === 0 ? changed(bar) : bar));
    const summary = await load(database.url, [file(krakenCsv(other))]);
    const differing = Math.ceil(bars.length / 100);
    expect(summary.rows).toMatchObject({ loaded: 0, duplicate: bars.length, conflict: differing });
    expect(await candles(database.pool)).toBe(before);
    const { rows } = await database.pool.query('SELECT count(*) AS n FROM backhaul.conflict');
    expect(rows[0].n).toBe(differing);
  });

  it('in two files with replace: the newer file wins and what follows is recomputed', async () => {
    await load(database.url, [file(good)]);
    const other = bars.map((bar, i) => (i === 40 ? { ...bar, close: bar.open } : bar));
    const summary = await load(database.url, [file(krakenCsv(other))], { onConflict: 'replace' });
    expect(summary.rows).toMatchObject({ loaded: 1, duplicate: bars.length - 1, conflict: 1 });
    const replaced = await candles(database.pool);
    await wipe(database.pool);
    await load(database.url, [file(krakenCsv(other))]);
    expect(await candles(database.pool)).toBe(replaced);
  });

  it('the same files in one run, under two names', async () => {
    const both = [file(good, 'a/XBTUSD_60.csv'), file(good, 'b/XBTUSD_60.csv')];
    const summary = await load(database.url, both);
    expect(summary.rows).toMatchObject({ loaded: bars.length, duplicate: bars.length, conflict: 0 });
  });
});

describe('a file that changed since it was loaded', () => {
  it('is loaded again: its old rows go, the new ones come, what follows is recomputed', async () => {
    const next = file(krakenCsv(walk('XBTUSD', Q1 + 30 * 86_400, Q1 + 40 * 86_400, 3600, 6)));
    const path = file(good);
    await load(database.url, [path, next]);
    const corrected = bars.slice(0, -20).map((bar, i) => (i === 3 ? { ...bar, close: bar.open } : bar));
    write(path.slice(0, path.lastIndexOf('/')), 'XBTUSD_60.csv', krakenCsv(corrected));
    const summary = await load(database.url, [path, next]);
    expect(summary.tasks).toMatchObject({ loaded: 1, unchanged: 1 });
    const now = await candles(database.pool);
    await wipe(database.pool);
    await load(database.url, [path, next]);
    expect(await candles(database.pool)).toBe(now);
  });
});

describe('a file that is gone since it was loaded', () => {
  it('is reported, and its bars stay', async () => {
    const path = file(good);
    const home = path.slice(0, path.lastIndexOf('/'));
    write(home, 'ETHUSD_60.csv', good);
    await load(database.url, [home]);
    const before = await candles(database.pool);
    rmSync(path);
    const notes: string[] = [];
    const summary = await load(database.url, [home], {}, (event) => {
      if (event.type === 'note' && event.level === 'warning') notes.push(event.message);
    });
    expect(summary.nothingToDo).toBe(true);
    expect(notes).toEqual([
      expect.stringMatching(/^1 loaded before and not in the source any more.*XBTUSD_60\.csv$/),
    ]);
    expect(await candles(database.pool)).toBe(before);
    // A listing that is filtered sees too little to tell.
    notes.length = 0;
    await load(database.url, [home], { symbols: ['ETHUSD'] }, (event) => {
      if (event.type === 'note') notes.push(event.message);
    });
    expect(notes).toEqual([]);
  });
});
