import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openBytes } from '../../../src/producer/archive/entry_stream.ts';
import { openObject, openSource } from '../../../src/producer/open_source.ts';
import { discover } from '../../../src/producer/planning/discover.ts';
import type { PlannedTask } from '../../../src/producer/planning/found_task.ts';
import type { Source } from '../../../src/producer/sources/source.ts';
import { collect, faultOf, MemoryReader } from '../archive/memory_reader.ts';
import { zipBytes } from '../archive/zip_bytes.ts';
import { DEFAULTS, dated, folderWith, planned, us } from '../folder.ts';

const BAR = '1775001600,1,2,0.5,1.5,10,3\n';
const KLINE = '1738368000000000,1,2,0.5,1.5,10,1738371599999999,1,1,1,1,0\n';

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function base(uri: string): string {
  return uri.slice(uri.lastIndexOf('/') + 1);
}

describe('discovery', () => {
  it('plans files and entries, counts the rest, and leaves out what is no data', async () => {
    const folder = folderWith({
      'XBTUSD_60.csv': BAR,
      'XBTUSD_60.csv.sha256': `${sha256(Buffer.from(BAR))}\n`,
      'README.md': 'read me',
      'readme.txt': 'read me',
      'q/Kraken_OHLCVT_Q1_2026.zip': zipBytes([
        { name: 'Q1/ETHUSD_60.csv', data: BAR },
        { name: 'Q1/EMPTY_60.csv', data: '' },
        { name: 'Q1/README.md', data: 'x' },
        { name: '__MACOSX/Q1/._ETHUSD_60.csv', data: 'x' },
      ]),
    });
    const { planned: tasks, failed, counts } = await planned(folder);
    expect(failed).toEqual([]);
    expect(tasks.map(({ lane }) => lane)).toEqual([
      'kraken/XBTUSD/3600',
      'kraken/ETHUSD/3600',
      'kraken/EMPTY/3600',
    ]);
    expect(counts).toEqual({
      objects: 5,
      entries: 3,
      filtered: 0,
      notRead: { '.md': 2, document: 1 },
      byRecords: [],
    });
    expect(tasks[0]).toMatchObject({
      entry: null,
      sizeBytes: BAR.length,
      plan: { sha256: sha256(Buffer.from(BAR)) },
    });
    expect(tasks[1]).toMatchObject({
      entry: 'Q1/ETHUSD_60.csv',
      etag: expect.stringMatching(new RegExp(`^crc32:[0-9a-f]{8}-${BAR.length}$`)),
      sequence: us('2026-01-01'),
      plan: { fileFromUs: null, storage: { kind: 'zip', uncompressedSize: BAR.length } },
    });
  });

  it('makes plans a worker can read by, after a trip through JSON', async () => {
    const folder = folderWith({
      'AAUSD_60.csv': BAR,
      'BBUSD_60.csv.gz': gzipSync(BAR),
      // Inflated on the way, or never deflated: the bytes tell, not the name.
      'CCUSD_60.csv.gz': BAR,
      'DDUSD_60.csv': gzipSync(BAR),
      'E.zip': zipBytes([
        { name: 'EEUSD_60.csv', data: BAR },
        { name: 'FFUSD_60.csv', data: BAR, method: 0 },
      ]),
    });
    const { planned: tasks } = await planned(folder);
    expect(tasks).toHaveLength(6);
    for (const task of tasks) {
      const copy = JSON.parse(JSON.stringify(task)) as PlannedTask;
      expect(copy).toEqual(task);
      const { storage } = copy.plan;
      const [size, etag] =
        storage.kind === 'zip' ? [storage.objectBytes, storage.objectEtag] : [copy.sizeBytes, copy.etag];
      const reader = await openObject(copy.uri, size, etag, {});
      const bytes = await collect(openBytes(reader, storage, undefined, { entry: copy.entry }));
      expect(Buffer.concat(bytes).toString()).toBe(BAR);
      await reader.close();
    }
  });

  it('is the same whatever way a file is reached', async () => {
    const folder = folderWith({ 'um/BTCUSDT-1h-2025-02.csv': KLINE });
    const file = join(folder, 'um/BTCUSDT-1h-2025-02.csv');
    const [all, inner, single] = await Promise.all(
      [folder, join(folder, 'um'), file].map((path) => planned(path)),
    );
    expect(all!.tasks[0]).toMatchObject({ lane: 'binance-um/BTCUSDT/3600' });
    expect(inner!.tasks).toEqual(all!.tasks);
    expect(single!.tasks).toEqual(all!.tasks);
    expect((await planned([folder, file])).tasks).toEqual(all!.tasks);
  });

  it('plans a zip of 9,800 entries off its directory, without a look into any of them', async () => {
    const minutes = [1, 5, 15, 30, 60, 240, 720, 1440];
    const files = Array.from({ length: 9_800 }, (_, i) => ({
      name: `P${Math.floor(i / 8)}USD_${minutes[i % 8]}.csv`,
      method: 0,
    }));
    const uri = 'file:///q/Kraken_OHLCVT_2026Q2.zip';
    const reader = new MemoryReader(zipBytes(files), undefined, uri);
    const object = { uri, name: 'q.zip', sizeBytes: reader.sizeBytes, etag: 'e', modifiedMs: null };
    const source: Source = {
      uri,
      async *list() {
        yield object;
      },
      open: async () => reader,
    };
    const tasks = await collect(discover([source], DEFAULTS));
    expect(tasks).toHaveLength(9_800);
    expect(reader.reads).toBeLessThan(6);
  });

  it('stops when it is told to', async () => {
    const folder = folderWith({ 'AAUSD_60.csv': BAR, 'BBUSD_60.csv': BAR });
    const found = discover([await openSource(folder, {})], DEFAULTS, AbortSignal.abort());
    expect((await faultOf(collect(found))).kind).toBe('interrupted');
  });
});

describe('a name', () => {
  it('is one symbol however it is written: with or without the flag of UTF-8, in one character or in two', async () => {
    const name = 'MÉTA';
    const folder = folderWith({
      'a.zip': zipBytes([{ name: `${name.normalize('NFC')}-1h-2025-02.csv`, data: KLINE, flags: 0x800 }]),
      'b.zip': zipBytes([{ name: `${name.normalize('NFC')}-1h-2025-03.csv`, data: KLINE }]),
      'c.zip': zipBytes([{ name: `${name.normalize('NFD')}-1h-2025-04.csv`, data: KLINE }]),
      [`${name.normalize('NFD')}-1h-2025-05.csv`]: KLINE,
    });
    for (const symbols of [null, [name.normalize('NFC')], [name.normalize('NFD')]]) {
      const { planned: tasks } = await planned(folder, { symbols });
      expect(tasks.map(({ lane }) => lane)).toEqual(Array(4).fill(`binance/${name.normalize('NFC')}/3600`));
    }
  });
});

describe('what is not read', () => {
  it('is counted by kind, in folders and zips, hidden files too, clutter not', async () => {
    const folder = folderWith({
      'AAUSD_60.csv': BAR,
      'BBUSD_60.csv.lzma': '(',
      'CCUSD_60.csv.LZMA': '(',
      'all.orc': 'ORC',
      'index.csv': 'name\n',
      LICENSE: 'free',
      'notes 2.0 of May': 'x',
      '.CCUSD_60.csv': BAR,
      '.DS_Store': 'x',
      'x.zip': zipBytes([
        { name: 'DDUSD_60.csv', data: BAR },
        { name: 'EEUSD_60.csv.br', data: 'BZh' },
        { name: '.FFUSD_60.csv', data: BAR },
        { name: '__MACOSX/._DDUSD_60.csv', data: 'x' },
      ]),
    });
    const { planned: tasks, counts } = await planned(folder);
    expect(tasks).toHaveLength(2);
    expect(counts.notRead).toEqual({
      '.lzma': 2,
      '.br': 1,
      '.orc': 1,
      document: 1,
      'without extension': 2,
      hidden: 2,
    });
  });

  it('fails where an archive was named outright that holds nothing else, unless nobody asked for what it holds', async () => {
    const folder = folderWith({
      'a.zip': zipBytes([
        { name: 'scan.pdf', data: 'x' },
        { name: 'b.7z', data: 'x' },
      ]),
      'none.zip': zipBytes([]),
      'bars.zip': zipBytes([{ name: 'AAUSD_60.csv', data: BAR }]),
    });
    const found = async (name: string, over = {}) =>
      (await planned(join(folder, name), over)).failed.map(({ fault }) => fault.found);
    expect(await found('a.zip')).toEqual(['1 .pdf, 1 .7z']);
    expect(await found('none.zip')).toEqual(['no file']);
    expect(await found('bars.zip', { symbols: ['BBUSD'] })).toEqual([]);
    expect((await planned(folder)).failed).toEqual([]);
  });

  it('fails where it was named outright, with what would make it readable', async () => {
    const folder = folderWith({
      'a.orc': 'ORC',
      'b.csv.lzma': '(',
      'readme.md': 'x',
      'b.csv.sha256': 'x',
      'AAUSD_60.bars': BAR,
    });
    const faults = await Promise.all(
      ['a.orc', 'b.csv.lzma', 'readme.md', 'b.csv.sha256'].map(async (name) => {
        const { failed, planned: tasks } = await planned(join(folder, name));
        expect(tasks).toEqual([]);
        return failed.map(({ fault }) => `${fault.kind} ${fault.message} (${fault.hint})`).join();
      }),
    );
    expect(faults).toEqual([
      'unsupported .orc files are not read (Write it out as CSV and load that.)',
      'unsupported .lzma files are not read (Unpack it and load what it holds.)',
      expect.stringContaining('not-a-bar-file by its name'),
      expect.stringContaining('not-a-bar-file by its name'),
    ]);
    // Beside the folder it lies in, too.
    expect((await planned([folder, join(folder, 'a.orc')])).failed.map(({ fault }) => fault.kind)).toContain(
      'unsupported',
    );
    // Of any other name it is not for us to say: the bytes decide.
    expect((await planned(join(folder, 'AAUSD_60.bars'))).failed[0]!.fault.message).toContain('looks like');
  });
});

describe('what cannot be loaded', () => {
  it('fails by name, and the others are planned', async () => {
    const folder = folderWith({
      'quotes.csv': 'ticker,ask_price,bid_price,sip_timestamp\nA,1,1,1\n',
      'notes.txt': 'some text',
      'cut.zip': zipBytes([{ name: 'AAUSD_60.csv', data: BAR }]).subarray(0, 60),
      'no.zip': 'no zip at all, though it says so',
      'good.zip': zipBytes([
        { name: 'AAUSD_60.csv', data: BAR, flags: 1 },
        { name: 'inner.zip', data: 'PK' },
        { name: '../BBUSD_60.csv', data: BAR },
        { name: 'trades.csv', data: 'id,price\n1,2\n' },
        { name: 'CCUSD_60.csv', data: BAR },
      ]),
      'headless.csv': BAR,
      'nothing.csv': '',
      'broken.csv.gz': gzipSync(BAR).fill(0xff, 10),
      'day/other.csv':
        'ticker,volume,open,close,high,low,window_start,transactions\nA,1,1,1,1,1,1741579200000000000,1\n',
      'bars.csv':
        'ticker,volume,open,close,high,low,window_start,transactions\nA,1,1,1,1,1,1741593600000000000,1\n',
    });
    const { planned: tasks, failed } = await planned(folder);
    const faults = failed.map(({ uri, entry, fault }) => `${base(uri)} ${entry ?? '-'} ${fault.kind}`);
    expect(faults.sort()).toEqual([
      'bars.csv - not-a-bar-file',
      'broken.csv.gz - corrupt',
      'cut.zip - truncated',
      'good.zip ../BBUSD_60.csv corrupt',
      'good.zip AAUSD_60.csv encrypted',
      'good.zip inner.zip unsupported',
      'good.zip trades.csv not-a-bar-file',
      'headless.csv - not-a-bar-file',
      'no.zip - corrupt',
      'notes.txt - not-a-bar-file',
      'nothing.csv - not-a-bar-file',
      'quotes.csv - not-a-bar-file',
    ]);
    expect(tasks.map(({ lane }) => lane)).toEqual(['kraken/CCUSD/3600', 'us_stocks_sip/*/86400']);
    expect(failed.every(({ fault, uri }) => fault.where?.uri === uri)).toBe(true);
  });

  it('is one failed task for a name that a zip holds twice', async () => {
    const twice = ['XBTUSD_60.csv', 'XBTUSD_60.csv', 'ETHUSD_60.csv'].map((name) => ({ name, data: BAR }));
    const { planned: tasks, failed } = await planned(folderWith({ 'x.zip': zipBytes(twice) }));
    expect(failed.map(({ entry, fault }) => `${entry} ${fault.kind}`)).toEqual(['XBTUSD_60.csv corrupt']);
    expect(tasks.map(({ entry }) => entry)).toEqual(['ETHUSD_60.csv']);
  });

  it('says what was found and which layout is the nearest', async () => {
    const folder = folderWith({
      'a.csv': 'ticker,ask_price\x07,sip_timestamp\nA,1,1\n',
      'b.csv': 'time,open,high,low,close,volume\n1,2,3,4,5,6\n',
    });
    const { failed } = await planned(folder);
    expect(failed[0]!.fault).toMatchObject({
      found: 'ticker,ask_price\\x07,sip_timestamp',
      expected: expect.stringContaining('massive-aggs'),
      hint: expect.stringContaining('inspect'),
    });
    expect(failed[1]!.fault).toMatchObject({
      expected: expect.stringContaining('kraken-ohlcvt'),
      found: 'b.csv',
    });
  });

  it('is not judged by one bad line: the scanner rejects records, not files', async () => {
    const { planned: tasks } = await planned(folderWith({ 'AAUSD_60.csv': `garbage\n\0\0\n${BAR}` }));
    expect(tasks).toHaveLength(1);
  });

  it('fails when its name fits and nothing in it does', async () => {
    const folder = folderWith({
      'AAUSD_60.csv': '<html>\n<body>404</body>\n',
      'Binance_BTCUSDT_d.csv': 'a,b\n1,2\n',
    });
    expect((await planned(folder)).failed.map(({ fault }) => fault.kind)).toEqual([
      'not-a-bar-file',
      'not-a-bar-file',
    ]);
  });
});

describe('filters', () => {
  const folder = folderWith({
    'k/Kraken_OHLCVT_2026Q1.zip': zipBytes(
      ['XBTUSD_60', 'XBTUSD_5', 'ETHUSD_60'].map((name) => ({ name: `${name}.csv`, data: BAR })),
    ),
    'k/Kraken_OHLCVT_2026Q2.zip': zipBytes([{ name: 'XBTUSD_60.csv', data: BAR }]),
    // No zip at all: opening it would fail, so it must be left out by its name.
    'b/BTCUSDT-1h-2025-02.zip': 'not opened',
    'm/us_stocks_sip/day_aggs_v1/2025/03/2025-03-10.csv.gz': gzipSync(
      'ticker,volume,open,close,high,low,window_start,transactions\nA,1,1,1,1,1,1741593600000000000,1\n',
    ),
  });

  it('by symbol find all spellings, and keep that of the file', async () => {
    const { planned: tasks, failed, counts } = await planned(join(folder, 'k'), { symbols: ['BTCUSD'] });
    expect(tasks.map(({ lane, plan }) => `${lane} ${plan.symbol}`)).toEqual([
      'kraken/XBTUSD/3600 XBTUSD',
      'kraken/XBTUSD/300 XBTUSD',
      'kraken/XBTUSD/3600 XBTUSD',
    ]);
    expect(failed).toEqual([]);
    expect(counts.filtered).toBe(1);
    const many = await planned(join(folder, 'm'), { symbols: ['AAPL', 'TRUE'] });
    expect(many.planned[0]!.plan).toMatchObject({
      symbol: null,
      wantSymbols: { AAPL: 'AAPL', TRUE: 'TRUE' },
    });
    const all = await planned(join(folder, 'm'));
    expect(all.planned[0]!.plan).toMatchObject({ symbol: null, wantSymbols: null });
  });

  it('by interval and by time leave out whole files by their names', async () => {
    const hourly = await planned(join(folder, 'k'), { intervals: [3600], fromUs: us('2026-04-01') });
    expect(hourly.planned.map(({ uri, lane }) => `${base(uri)} ${lane}`)).toEqual([
      'Kraken_OHLCVT_2026Q2.zip kraken/XBTUSD/3600',
    ]);
    expect(hourly.counts.filtered).toBe(3);
    expect(hourly.planned[0]!.plan).toMatchObject({ wantFromUs: us('2026-04-01'), wantToUs: null });
    const day = { fromUs: us('2025-03-10T00:00:00Z'), toUs: us('2025-03-10T04:00:00Z') };
    // A New York day starts at four o'clock UTC.
    expect((await planned(join(folder, 'm'), day)).planned).toEqual([]);
    expect((await planned(join(folder, 'm'), { ...day, toUs: day.toUs + 1 })).planned).toHaveLength(1);
  });

  it('come before a zip is opened, where its name tells enough', async () => {
    expect((await planned(join(folder, 'b'))).failed).toHaveLength(1);
    for (const options of [{ symbols: ['ETHUSDT'] }, { intervals: [60] }, { toUs: us('2025-02-01') }]) {
      const { tasks, counts } = await planned(join(folder, 'b'), options);
      expect(tasks).toEqual([]);
      expect(counts.filtered).toBe(1);
    }
  });
});

describe('checksums', () => {
  const one = zipBytes([{ name: 'BTCUSDT-1h-2025-02.csv', data: KLINE }]);
  const two = zipBytes(['AAUSD_60.csv', 'BBUSD_60.csv'].map((name) => ({ name, data: BAR })));

  it('of a zip with one file are for the worker, who reads all of it anyway', async () => {
    const folder = folderWith({
      'BTCUSDT-1h-2025-02.zip': one,
      'BTCUSDT-1h-2025-02.zip.CHECKSUM': `${sha256(one)}  BTCUSDT-1h-2025-02.zip\n`,
    });
    for (const path of [folder, join(folder, 'BTCUSDT-1h-2025-02.zip')]) {
      expect((await planned(path)).planned[0]!.plan.sha256).toBe(sha256(one));
    }
  });

  it('of a zip with several are checked before any is planned', async () => {
    const good = folderWith({
      'two.zip': two,
      SHA256SUMS: `${sha256(two)} *two.zip\n${sha256(one)}  one.zip\n`,
    });
    expect((await planned(good)).planned.map(({ plan }) => plan.sha256)).toEqual([null, null]);
    const bad = folderWith({ 'two.zip': two, 'SHA256SUMS.txt': `SHA256 (two.zip) = ${sha256(one)}\n` });
    const { tasks, failed } = await planned(bad);
    expect(tasks).toHaveLength(1);
    expect(failed[0]!.fault).toMatchObject({ kind: 'checksum', expected: sha256(one), found: sha256(two) });
  });
});

describe('an archive in parts', () => {
  const archive = zipBytes(['AAUSD_60.csv', 'BBUSD_60.csv'].map((name) => ({ name, data: BAR })));
  const cut = [0, 40, 41, 150, archive.length];
  const parts = cut.slice(1).map((end, i) => archive.subarray(cut[i], end));
  const names = parts.map((_, i) => `Kraken_OHLCVT_Full_2026Q2.zip.part0${i}`);
  const files = Object.fromEntries(names.map((name, i) => [name, parts[i]!]));
  const sums = names.map((name, i) => `${sha256(parts[i]!)}  ${name}`).join('\n');

  it('is one zip, and read as one by a worker', async () => {
    const folder = folderWith({ ...files, 'OHLCVT_Full_PARTS_SHA256SUMS.txt': sums });
    const { planned: tasks, counts } = await planned(folder);
    expect(tasks.map(({ uri, entry }) => `${base(uri)} ${entry}`)).toEqual([
      `${names[0]} AAUSD_60.csv`,
      `${names[0]} BBUSD_60.csv`,
    ]);
    expect(counts).toMatchObject({ objects: 5, entries: 2, notRead: {} });
    const { uri, plan, entry } = tasks[1]!;
    if (plan.storage.kind !== 'zip') throw new Error('a zip was expected');
    expect(plan.storage.objectBytes).toBe(archive.length);
    const reader = await openObject(uri, plan.storage.objectBytes, plan.storage.objectEtag, {});
    expect(
      Buffer.concat(await collect(openBytes(reader, plan.storage, undefined, { entry }))).toString(),
    ).toBe(BAR);
    await reader.close();
    // As a shell expands `…part0*`: each part is a source, and all of them are one archive.
    expect((await planned(names.map((name) => join(folder, name)))).planned).toHaveLength(2);
    writeFileSync(join(folder, names[3]!), parts[2]!);
    const changed = openObject(uri, plan.storage.objectBytes, plan.storage.objectEtag, {});
    expect((await faultOf(changed)).kind).toBe('source-changed');
  });

  it('fails by name when a part is missing or damaged', async () => {
    const { [names[1]!]: _, ...others } = files;
    expect((await planned(folderWith(others))).failed.map(({ fault }) => fault.message)).toEqual([
      'part 01 of the archive is missing',
    ]);
    const { [names[3]!]: __, ...first } = files;
    expect((await planned(folderWith(first))).failed.map(({ fault }) => fault.kind)).toEqual(['truncated']);
    const damaged = Buffer.from(parts[3]!);
    damaged[0]! ^= 1;
    const folder = folderWith({ ...files, [names[3]!]: damaged, SHA256SUMS: sums });
    expect((await planned(folder)).failed[0]!.fault).toMatchObject({
      kind: 'checksum',
      where: { uri: expect.stringMatching(/part03$/) },
    });
  });
});

describe('a MANIFEST.json', () => {
  async function withManifest(
    manifest: unknown,
    name = 'Kraken_OHLCVT_2026Q2.zip',
  ): ReturnType<typeof planned> {
    const text = typeof manifest === 'string' ? manifest : JSON.stringify(manifest);
    const bytes = zipBytes([
      { name: 'MANIFEST.json', data: text },
      { name: 'AAUSD_60.csv', data: BAR },
      { name: 'BTCUSD_Daily_OHLC.csv', data: BAR },
    ]);
    return planned(folderWith({ [name]: bytes }));
  }
  const files = [{ name: 'AAUSD_60.csv', rows: 7 }];
  const quarter = { fileFromUs: us('2026-04-01'), fileToUs: us('2026-07-01'), expectedRows: 7 };

  it.each([
    { coverage: { from: '2026-04-01', to: '2026-06-30' }, files },
    { coverage: { start: '2026-04-01T00:00:00Z', end: '2026-07-01T00:00:00Z' }, files },
    { coverage: ['2026-04-01', '2026-06-30T23:59:59Z'], files: { 'Q2/aausd_60.CSV': { rows: 7 } } },
    { coverage: '2026-04-01..2026-06-30', files: { 'AAUSD_60.csv': 7 } },
    { coverage: { from: 1775001600, to: 1782863999 }, files, has_header: false, pairs: 1399 },
  ])('says what is covered and how many rows there are: %j', async (manifest) => {
    const { planned: tasks, failed } = await withManifest(manifest);
    expect(failed).toEqual([]);
    expect(tasks[0]!.plan).toMatchObject(quarter);
    // What it does not list has a history of its own.
    expect(tasks[1]!.plan).toMatchObject({ fileFromUs: null, fileToUs: null, expectedRows: null });
  });

  it('counts where the name of the zip says nothing', async () => {
    const manifest = { coverage: { from: '2026-04-01', to: '2026-06-30' }, files };
    const { planned: tasks } = await withManifest(manifest, 'download.zip');
    expect(tasks[0]!.plan).toMatchObject(quarter);
    expect(tasks[0]!.sequence).toBe(quarter.fileFromUs);
  });

  it('vouches for no bar that closes behind its end: the last one was still being traded', async () => {
    const manifest = { coverage: { from: '2026-04-01', to: '2026-06-12T14:37:00Z' }, files };
    const { planned: tasks } = await withManifest(manifest, 'download.zip');
    expect(tasks[0]!.plan.fileToUs).toBe(us('2026-06-12T14:00Z'));
  });

  it('names what the zip does not hold', async () => {
    const { planned: tasks, failed } = await withManifest({
      files: [...files, { name: 'GONE_60.csv', rows: 9 }],
    });
    expect(tasks).toHaveLength(2);
    expect(failed).toMatchObject([
      { entry: 'GONE_60.csv', fault: { kind: 'not-found', expected: 'an entry of 9 rows' } },
    ]);
  });

  it('that is damaged is left aside with a note', async () => {
    const bytes = zipBytes([
      { name: 'MANIFEST.json', data: '{}', crc: 1 },
      { name: 'AAUSD_60.csv', data: BAR },
    ]);
    const { planned: tasks, notes } = await planned(folderWith({ 'x.zip': bytes }));
    expect(tasks).toHaveLength(1);
    expect(notes).toHaveLength(1);
  });

  it.each(['{', '[]', '"x"', '{"files": 9793, "pairs": 1399}', '{"coverage": {"from": "soon"}}', 'null'])(
    'that is not understood is left aside with a note: %s',
    async (text) => {
      const { planned: tasks, failed, notes } = await withManifest(text);
      expect(failed).toEqual([]);
      expect(tasks[0]!.plan).toMatchObject({ fileFromUs: null, expectedRows: null });
      expect(notes).toHaveLength(1);
    },
  );
});

describe('a layout of one’s own', () => {
  const yaml = `
paths: '(?<symbol>[A-Z]+)\\.dat$'
columns: { time: Date, open: Open, high: High, low: Low, close: Close, volume: Volume }
header: required
time: { unit: text, zone: America/New_York }
venue: nyse
symbol: { group: symbol }
interval: 1d
`;

  it('is used for all files, known extension or not', async () => {
    const data = 'Date,Open,High,Low,Close,Volume\n2024-01-02,1,2,0.5,1.5,10\n';
    const folder = folderWith({
      'IBM.dat': data,
      'x.zip': zipBytes([{ name: 'GE.dat', data }]),
      'a.csv': data,
      'b.dat': '',
    });
    const layout = join(folderWith({ 'nyse.yaml': yaml }), 'nyse.yaml');
    const { planned: tasks, failed, counts } = await planned(folder, { layout });
    expect(tasks.map(({ layout: name, lane }) => `${name} ${lane}`)).toEqual([
      'nyse nyse/IBM/86400',
      'nyse nyse/GE/86400',
    ]);
    expect(failed.map(({ uri, fault }) => `${base(uri)} ${fault.message}`)).toEqual([
      'a.csv looks like nyse, but its name does not tell the symbol',
    ]);
    expect(counts.notRead).toEqual({ '.dat': 1 });
    expect(tasks[0]!.sequence).toBe(us('2024-01-02T05:00:00Z'));
  });

  it('must be one: an unknown name is a mistake of usage', async () => {
    expect(await faultOf(planned(folderWith({}), { layout: 'nope' }))).toMatchObject({ kind: 'usage' });
  });

  it('named by the user overrides what detection would find', async () => {
    const folder = folderWith({ 'XBTUSD_60.csv': BAR });
    const { failed } = await planned(folder, { layout: 'binance-klines' });
    expect(failed[0]!.fault.kind).toBe('not-a-bar-file');
    expect((await planned(folder, { layout: 'kraken-ohlcvt' })).planned).toHaveLength(1);
  });
});

describe('sequences', () => {
  it('of files whose names date nothing come from their first records', async () => {
    const later = BAR.replace('1775001600', '1775005200');
    const folder = folderWith({
      'a/XBTUSD_60.csv': later,
      'b/XBTUSD_60.csv': BAR,
      'c/XBTUSD_60.csv': `time,open,high,low,close,volume,trades\n${later}`,
      'd/XBTUSD_60.csv': 'time,open,high,low,close,volume,trades\n',
      'e.zip': zipBytes([
        { name: 'XBTUSD_60.csv', data: later },
        { name: 'ETHUSD_60.csv', data: BAR },
      ]),
      'Binance_BTCUSDT_1h.csv':
        'date,symbol,open,high,low,close,volume\n2024-01-01 02-AM,BTCUSDT,1,1,1,1,1\n2024-01-01 01-AM,BTCUSDT,1,1,1,1,1\n',
    });
    const { tasks } = await planned(folder);
    const found = (await dated(tasks)).map(({ uri, entry, sequence }) => [
      `${uri.split('/').slice(-2).join('/')} ${entry}`,
      sequence,
    ]);
    const first = us('2026-04-01T00:00:00Z');
    const second = us('2026-04-01T01:00:00Z');
    const root = folder.slice(folder.lastIndexOf('/') + 1);
    expect(Object.fromEntries(found)).toEqual({
      'a/XBTUSD_60.csv null': second,
      'b/XBTUSD_60.csv null': first,
      'c/XBTUSD_60.csv null': second,
      'd/XBTUSD_60.csv null': null,
      [`${root}/e.zip XBTUSD_60.csv`]: second,
      // Alone in its lane, and not worth a look into a zip.
      [`${root}/e.zip ETHUSD_60.csv`]: null,
      [`${root}/Binance_BTCUSDT_1h.csv null`]: us('2024-01-01T01:00:00Z'),
    });
  });
});
