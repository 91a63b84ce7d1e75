import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openBytes } from '../../src/producer/archive/entry_stream.ts';
import { openObject } from '../../src/producer/open_source.ts';
import { collect } from './archive/memory_reader.ts';
import { dated, planned } from './folder.ts';

/** Real files of the vendors, where they lie beside the project; skipped with a note where they do not. */
const DATA = '../shared/data';
const isThere = existsSync(DATA);
const note = isThere ? '' : ' (skipped: there is no ../shared/data)';

describe.skipIf(!isThere)(`real files${note}`, () => {
  it('are planned: each bar file by its layout, each other by what is wrong with it', async () => {
    const { planned: tasks, failed, counts } = await planned(DATA);
    expect(counts).toMatchObject({ entries: 6, filtered: 0 });
    expect(
      Object.fromEntries(
        Map.groupBy(tasks, ({ layout }) => layout)
          .entries()
          .map(([name, all]) => [name, all.length]),
      ),
    ).toEqual({
      'binance-klines': 24,
      'kraken-ohlcvt': 19,
      cryptodatadownload: 5,
      'massive-aggs': 1,
    });
    expect(failed.map(({ uri, fault }) => `${uri.slice(uri.lastIndexOf('/') + 1)} ${fault.kind}`)).toEqual([
      'backt4j_testdata.csv not-a-bar-file',
      'options_quotes_example.csv.gz not-a-bar-file',
      'options_trades_example.csv.gz not-a-bar-file',
      'stock_quotes_sample.csv.gz not-a-bar-file',
      'stock_trades_sample.csv.gz not-a-bar-file',
    ]);
    expect(failed[0]!.fault.message).toContain('the interval');
  });

  it('begin where their sequence says, in files of one series in order', async () => {
    const tasks = await dated((await planned(DATA)).tasks);
    const expected = readFileSync(join(DATA, 'EXPECTED.tsv'), 'utf8').trim().split('\n').slice(1);
    for (const line of expected) {
      const [name, , first] = line.split('\t');
      const task = tasks.find(({ uri }) => uri.endsWith(`/${name}`));
      expect(`${name} ${task?.sequence}`).toBe(`${name} ${Date.parse(first!) * 1000}`);
      expect(task!.plan.fileFromUs ?? task!.sequence).toBe(task!.sequence);
    }
    expect(expected.length).toBeGreaterThan(40);
  });

  it('are read whole out of their zips', async () => {
    const { planned: tasks } = await planned(join(DATA, 'binance-klines/spot-1d-zip'));
    for (const { uri, entry, plan } of tasks) {
      if (plan.storage.kind !== 'zip') throw new Error('a zip was expected');
      const reader = await openObject(uri, plan.storage.objectBytes, plan.storage.objectEtag, {});
      const bytes = Buffer.concat(await collect(openBytes(reader, plan.storage, undefined, { entry })));
      await reader.close();
      expect(bytes.length).toBe(plan.storage.uncompressedSize);
      expect(bytes.toString().trim().split('\n').length).toBeGreaterThanOrEqual(28);
    }
    expect(tasks).toHaveLength(6);
  });

  it('of CryptoDataDownload have the volume of the base currency', async () => {
    const { planned: tasks } = await planned(join(DATA, 'cryptodatadownload'));
    const headers = tasks.map(({ uri, plan }) => {
      const lines = readFileSync(new URL(uri), 'utf8').split('\n', 3);
      const header = lines
        .find((line) => /open/i.test(line))!
        .toLowerCase()
        .trim()
        .split(',');
      const volume = plan.shape.columns.find(({ role }) => role === 'volume')!.names;
      return volume.find((name) => header.some((field) => field.replaceAll(' ', '_') === name));
    });
    expect(headers).toEqual(['volume_btc', 'volume_btc', 'volume_trx', 'volume_eth', 'volume_btc']);
  });
});
