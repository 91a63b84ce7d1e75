import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBytes } from '../../../../src/producer/archive/entry_stream.ts';
import { openObject, openSource } from '../../../../src/producer/open_source.ts';
import { discover } from '../../../../src/producer/planning/discover.ts';
import type { DiscoveredTask, DiscoverOptions } from '../../../../src/producer/planning/found_task.ts';
import { S3Server } from '../../../s3_server/s3_server.ts';
import { virtualObject } from '../../../s3_server/stored_object.ts';
import { type VirtualEntry, virtualZip } from '../../../s3_server/virtual_zip.ts';
import { gathered, testOptions, useTestCredentials } from './s3_setup.ts';

useTestCredentials();
let server: S3Server;
beforeEach(async () => {
  server = await new S3Server().start();
});
afterEach(() => server.stop());

const MINUTES = [1, 5, 15, 30, 60, 240, 720, 1440];
const csvOf = (minutes: number) => {
  const rows: string[] = [];
  for (let t = 1_775_001_600; t < 1_782_864_000 && rows.length < 3000; t += minutes * 60) {
    rows.push(`${t},100.5,101,99.5,100.25,${(t % 977) / 7},${t % 13}`);
  }
  return `${rows.join('\n')}\n`;
};

/** As Kraken's of the second quarter of 2026: 540 MB, 9,800 entries; XBTUSD in the middle holds bars. */
const entries: VirtualEntry[] = Array.from({ length: 1225 }, (_, pair) =>
  MINUTES.map((minutes) => {
    const symbol = pair === 612 ? 'XBTUSD' : `${pair.toString(36).toUpperCase().padStart(4, 'A')}USD`;
    const name = `${symbol}_${minutes}.csv`;
    return symbol === 'XBTUSD' ? { name, data: csvOf(minutes) } : { name, fillerBytes: 55_000 };
  }),
).flat();

const WANTED: DiscoverOptions = {
  layout: 'auto',
  fromUs: null,
  toUs: null,
  symbols: ['XBTUSD'],
  intervals: null,
  onInvalid: 'reject',
  onConflict: 'keep',
  maxRejects: null,
  maxRejectShare: null,
};

async function tasksOf(uri: string): Promise<DiscoveredTask[]> {
  return gathered(discover([await openSource(uri, testOptions(server))], WANTED));
}

/** As a worker reads it: from the task's own data. */
async function textOf(task: DiscoveredTask): Promise<string> {
  const { storage } = task.plan!;
  if (storage.kind !== 'zip') throw new Error('not in a zip');
  const reader = await openObject(task.uri, storage.objectBytes, storage.objectEtag, testOptions(server));
  const pieces = await gathered(openBytes(reader, storage, undefined, { entry: task.entry }));
  await reader.close();
  return Buffer.concat(pieces).toString();
}

describe('a zip of 540 MB and 9,800 entries in S3', () => {
  const zip = virtualZip(entries, 'zip-etag');
  // Where the directory lies among blocks of a power of two is chance: a start just before a boundary reads most.
  it.each([0, 8])('gives the bars of one pair for less than 2 MB of transfer (start %i)', async (before) => {
    const directory = entries.reduce((sum, { name }) => sum + 46 + name.length, 0);
    const behind = (zip.sizeBytes - 22 - directory + before) % 2 ** 20;
    const filler = { name: '_', fillerBytes: 2 ** 20 - behind - 31 };
    const shifted = virtualZip([filler, ...entries], 'zip-etag');
    expect((shifted.sizeBytes - 22 - directory - 47 + before) % 2 ** 20).toBe(0);
    expect(shifted.sizeBytes).toBeGreaterThan(530_000_000);
    server.put('b', 'kraken/Kraken_OHLCVT_2026Q2.zip', shifted);
    const tasks = await tasksOf('s3://b/kraken/');
    expect(tasks.map((task) => task.entry)).toEqual(MINUTES.map((minutes) => `XBTUSD_${minutes}.csv`));
    for (const [i, task] of tasks.entries()) expect(await textOf(task)).toBe(csvOf(MINUTES[i]!));
    expect(server.bytes('get')).toBeLessThan(2_000_000);
    expect(server.count('get')).toBeLessThan(40);
  });

  it('is the same in parts, wherever they are cut', async () => {
    const cuts = [0, 270_000_123, zip.sizeBytes - 400_000, zip.sizeBytes];
    for (const [i, start] of cuts.slice(0, -1).entries()) {
      const end = cuts[i + 1]!;
      const part = { ...virtualObject([], `part-${i}`), sizeBytes: end - start };
      const slice = (from: number, to: number) => zip.slice(start + from, start + to);
      server.put('b', `kraken/Kraken_OHLCVT_Full_2026Q2.zip.part0${i}`, { ...part, slice });
    }
    const tasks = await tasksOf('s3://b/kraken/');
    expect(tasks).toHaveLength(8);
    expect(await textOf(tasks[0]!)).toBe(csvOf(1));
    expect(await textOf(tasks[7]!)).toBe(csvOf(1440));
    expect(server.bytes('get')).toBeLessThan(2_000_000);
  });

  it('replaced after it was planned fails its entries by name', async () => {
    server.put('b', 'kraken/Kraken_OHLCVT_2026Q2.zip', zip);
    const [task] = await tasksOf('s3://b/kraken/Kraken_OHLCVT_2026Q2.zip');
    server.put('b', 'kraken/Kraken_OHLCVT_2026Q2.zip', virtualZip(entries, 'other-etag'));
    await expect(textOf(task!)).rejects.toMatchObject({
      fault: {
        kind: 'source-changed',
        where: { uri: 's3://b/kraken/Kraken_OHLCVT_2026Q2.zip', entry: 'XBTUSD_1.csv' },
      },
    });
  });
});
