import { chmodSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PartsReader, wholeOf } from '../../../src/producer/archive/zip_parts.ts';
import { openObject, openSource } from '../../../src/producer/open_source.ts';
import { LocalSource } from '../../../src/producer/sources/local/source.ts';
import type { ListFilter, Source, SourceObject } from '../../../src/producer/sources/source.ts';
import { collect, faultOf, MemoryReader } from '../archive/memory_reader.ts';
import { folderWith } from '../folder.ts';

const ALL: ListFilter = { fromUs: Number.NEGATIVE_INFINITY, toUs: Number.POSITIVE_INFINITY, symbols: null };

async function namesIn(path: string): Promise<string[]> {
  return (await collect((await LocalSource.at(path)).list(ALL))).map(({ name }) => name);
}

describe('a folder', () => {
  it('lists its files, then its subfolders, each by name, without clutter', async () => {
    const folder = folderWith({
      'b.csv': '',
      'B.csv': '',
      'a/z.csv': '',
      'a/y/x.csv': '',
      'ä.csv': '',
      '.hidden.csv': '',
      '.git/config.csv': '',
      '__MACOSX/._b.csv': '',
      'a/.DS_Store': '',
    });
    expect(await namesIn(folder)).toEqual(['B.csv', 'b.csv', 'ä.csv', 'a/z.csv', 'a/y/x.csv']);
  });

  it('follows links out of it once, and none that lead back into it', async () => {
    const outside = folderWith({ 'far.csv': '1' });
    const folder = folderWith({ 'a/x.csv': '1', 'b/y.csv': '2' });
    symlinkSync(folder, join(folder, 'a/loop'));
    symlinkSync('../b', join(folder, 'a/inside'));
    symlinkSync(join(folder, 'b/y.csv'), join(folder, 'latest.csv'));
    symlinkSync(outside, join(folder, 'c'));
    symlinkSync(outside, join(folder, 'd'));
    symlinkSync(folder, join(outside, 'back'));
    expect(await namesIn(folder)).toEqual(['a/x.csv', 'b/y.csv', 'c/far.csv']);
  });

  it('lists a dangling link, so that its task fails by name', async () => {
    const folder = folderWith({ 'a.csv': '1' });
    symlinkSync('/nowhere/at/all.csv', join(folder, 'gone.csv'));
    const source = await LocalSource.at(folder);
    const gone = (await collect(source.list(ALL)))[1]!;
    expect(gone).toMatchObject({ name: 'gone.csv', sizeBytes: 0 });
    expect((await faultOf(source.open(gone))).kind).toBe('not-found');
  });
});

describe('a single file', () => {
  it('bears the names of its parent folders, and brings its checksum along', async () => {
    const folder = folderWith({
      'spot/BTC-1d.zip': 'x',
      'spot/BTC-1d.zip.CHECKSUM': 'y',
      'spot/other.csv': '',
    });
    const names = await namesIn(join(folder, 'spot/BTC-1d.zip'));
    const parent = `${basename(folder)}/spot`;
    expect(names.map((name) => name.split('/').slice(-3).join('/'))).toEqual([
      `${parent}/BTC-1d.zip`,
      `${parent}/BTC-1d.zip.CHECKSUM`,
    ]);
  });

  it('that is one part of an archive lists all parts', async () => {
    const folder = folderWith({
      'a.zip.part01': '2',
      'a.zip.part00': '1',
      'b.zip.part00': '3',
      SHA256SUMS: '',
    });
    const names = await namesIn(join(folder, 'a.zip.part01'));
    expect(names.map((name) => basename(name))).toEqual(['SHA256SUMS', 'a.zip.part00', 'a.zip.part01']);
  });
});

describe('an object', () => {
  async function only(folder: string): Promise<{ source: Source; object: SourceObject; path: string }> {
    const source = await openSource(folder, {});
    const [object] = await collect(source.list(ALL));
    return { source, object: object!, path: join(folder, object!.name) };
  }

  it('is read in pieces and at random', async () => {
    const text = Buffer.alloc(2_500_000, 'abcdefg');
    const { source, object } = await only(folderWith({ 'a.csv': text }));
    const reader = await source.open(object);
    expect((await reader.read(1_000_001, 5)).toString()).toBe(text.subarray(1_000_001, 1_000_006).toString());
    const pieces = await collect(reader.stream(10, text.length));
    expect(pieces.length).toBe(5);
    expect(Buffer.concat(pieces).equals(text.subarray(10))).toBe(true);
    expect((await faultOf(reader.read(text.length - 1, 2))).kind).toBe('truncated');
    await reader.close();
  });

  it('that changes after the listing is not read', async () => {
    const { source, object, path } = await only(folderWith({ 'a.csv': 'one' }));
    utimesSync(path, new Date(), new Date(0));
    expect((await faultOf(source.open(object))).kind).toBe('source-changed');
    expect((await faultOf(openObject(object.uri, object.sizeBytes, object.etag, {}))).kind).toBe(
      'source-changed',
    );
    await (await openObject(object.uri, null, null, {})).close();
  });

  it('that changes while it is read says so at the end', async () => {
    const { source, object, path } = await only(folderWith({ 'a.csv': 'one' }));
    const reader = await source.open(object);
    writeFileSync(path, 'two and more');
    expect((await faultOf(collect(reader.stream(0, reader.sizeBytes)))).kind).toBe('source-changed');
    await reader.close();
  });

  it('that is gone is not found, one that may not be read is forbidden', async () => {
    const { source, object, path } = await only(folderWith({ 'a.csv': 'one' }));
    chmodSync(path, 0o000);
    if (process.getuid?.() !== 0) expect((await faultOf(source.open(object))).kind).toBe('forbidden');
    rmSync(path);
    expect(await faultOf(source.open(object))).toMatchObject({
      kind: 'not-found',
      where: { uri: object.uri },
    });
  });
});

describe('openSource', () => {
  it('knows paths and file addresses of the same place as one', async () => {
    const folder = folderWith({ 'a b#c.csv': '1' });
    const path = join(folder, 'a b#c.csv');
    const byUri = await openSource(pathToFileURL(path).href, {});
    expect(byUri.uri).toBe((await openSource(path, {})).uri);
    expect((await collect(byUri.list(ALL)))[0]!.uri).toBe(byUri.uri);
  });

  it('says what a missing path may have meant', async () => {
    const folder = folderWith({ 'kraken/a.csv': '' });
    expect(await faultOf(openSource(join(folder, 'krakem'), {}))).toMatchObject({
      kind: 'usage',
      hint: `Did you mean ${join(folder, 'kraken')}?`,
    });
    expect((await faultOf(openSource('/nowhere/at/all', {}))).hint).toContain(process.cwd());
    expect((await faultOf(openSource(join(folder, '*.csv'), {}))).hint).toContain('unquoted');
    expect(await faultOf(openSource('gs://bucket/prefix', {}))).toMatchObject({ kind: 'usage' });
    expect(await faultOf(openSource('/dev/null', {}))).toMatchObject({ kind: 'usage' });
  });
});

describe('parts', () => {
  const part = (number: number, sizeBytes: number): SourceObject => ({
    uri: `file:///h.zip.part0${number}`,
    name: `h.zip.part0${number}`,
    sizeBytes,
    etag: `${number}-${sizeBytes}`,
    modifiedMs: 0,
  });

  it('read as the one object they are, wherever they were cut', async () => {
    const whole = Buffer.from(Array.from({ length: 300 }, (_, i) => i % 256));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(100), { minLength: 1, maxLength: 5 }),
        fc.nat(300),
        fc.nat(300),
        async (sizes, a, b) => {
          const parts = sizes.map((size, i) => part(i, size));
          const total = sizes.reduce((sum, size) => sum + size, 0);
          const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((sum, size) => sum + size, 0));
          const reader = new PartsReader(parts, async (one) => {
            const i = parts.indexOf(one);
            return new MemoryReader(whole.subarray(starts[i]!, starts[i]! + sizes[i]!), 7);
          });
          const [start, end] = [Math.min(a, b, total), Math.min(Math.max(a, b), total)];
          expect(reader.sizeBytes).toBe(total);
          expect(await reader.read(start, end - start)).toEqual(whole.subarray(start, end));
          expect(Buffer.concat(await collect(reader.stream(start, end)))).toEqual(whole.subarray(start, end));
          expect((await faultOf(reader.read(start, total - start + 1))).kind).toBe('truncated');
        },
      ),
    );
  });

  it('join in the order of their numbers, with an etag that changes with any of theirs', () => {
    const { whole } = wholeOf([part(1, 5), part(0, 9)]);
    expect(whole).toMatchObject({ uri: 'file:///h.zip.part00', name: 'h.zip', sizeBytes: 14 });
    expect(wholeOf([part(0, 9), part(1, 5)]).whole).toEqual(whole);
    expect(wholeOf([part(0, 9), part(1, 6)]).whole.etag).not.toBe(whole.etag);
  });

  it('do not join when a number is missing', () => {
    expect(() => wholeOf([part(0, 1), part(2, 1)])).toThrow('part 01 of the archive is missing');
    expect(() => wholeOf([part(1, 1)])).toThrow('part 00 of the archive is missing');
  });
});
