import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockCache } from '../../../src/producer/archive/block_cache.ts';
import { listZip } from '../../../src/producer/archive/zip.ts';
import { faultOf, MemoryReader } from './memory_reader.ts';
import { type ZipFileSpec, zipBytes } from './zip_bytes.ts';

const CSV = '1704067200,1,2,0.5,1.5,10,3\n';

function listed(files: readonly ZipFileSpec[]): ReturnType<typeof listZip> {
  return listZip(new MemoryReader(zipBytes(files)));
}

describe('listZip', () => {
  it('lists the files of a zip with what is needed to read them', async () => {
    const [first, second] = await listed([
      { name: 'folder/', method: 0 },
      { name: 'folder/A_60.csv', data: CSV },
      { name: 'B_60.csv', data: CSV, method: 0 },
    ]);
    expect(first).toMatchObject({
      name: 'folder/A_60.csv',
      uncompressedSize: CSV.length,
      method: 8,
      fault: null,
    });
    expect(second).toMatchObject({ name: 'B_60.csv', compressedSize: CSV.length, method: 0, fault: null });
    expect(first!.modifiedMs).toBe(Date.UTC(2026, 8, 14, 19, 12, 12));
  });

  it('reads zip64 sizes, data descriptors, comments and an empty zip', async () => {
    const files = [
      { name: 'A_60.csv', data: CSV, zip64: true },
      { name: 'B_60.csv', data: CSV, flags: 8 },
    ];
    const entries = await listZip(new MemoryReader(zipBytes(files, 'made for a test')));
    expect(entries.map(({ uncompressedSize }) => uncompressedSize)).toEqual([CSV.length, CSV.length]);
    expect(entries.every(({ fault }) => fault === null)).toBe(true);
    expect(await listed([])).toEqual([]);
  });

  it('reads a directory of 70,000 entries in a handful of reads', async () => {
    const files = Array.from({ length: 70_000 }, (_, i) => ({ name: `P${i}_60.csv`, method: 0 }));
    const reader = new MemoryReader(zipBytes(files));
    const entries = await listZip(reader);
    expect(entries).toHaveLength(70_000);
    expect(entries[69_999]!.name).toBe('P69999_60.csv');
    expect(reader.reads).toBeLessThan(20);
  });

  it('reads a name as UTF-8 where it is that, flag or no flag, by its Unicode field before, else as CP437', async () => {
    const umlaut = Buffer.from([0x58, 0x9a, 0x5f, 0x36, 0x30, 0x2e, 0x63, 0x73, 0x76]);
    const unicodePath = (of: Uint8Array, name: string): ZipFileSpec['extra'] => {
      const head = Buffer.alloc(5);
      head.writeUInt8(1, 0);
      head.writeUInt32LE(crc32(of), 1);
      return { id: 0x7075, data: Buffer.concat([head, Buffer.from(name)]) };
    };
    const entries = await listed([
      { name: '狗狗USD_60.csv' },
      { name: '猫猫USD_60.csv', flags: 0x800 },
      // 0x9a is Ü in CP437; said to be UTF-8, it is none.
      { name: '', nameBytes: umlaut },
      { name: '', nameBytes: Buffer.concat([umlaut, umlaut]), flags: 0x800 },
      {
        name: '',
        nameBytes: Buffer.from('___60.csv'),
        extra: unicodePath(Buffer.from('___60.csv'), 'ÉUSD_60.csv')!,
      },
    ]);
    expect(entries.map(({ name }) => name)).toEqual([
      '狗狗USD_60.csv',
      '猫猫USD_60.csv',
      'XÜ_60.csv',
      'XÜ_60.csvXÜ_60.csv',
      'ÉUSD_60.csv',
    ]);
  });

  const other: ZipFileSpec = { name: 'OK_60.csv', data: CSV };
  const cases: [string, string, ZipFileSpec[]][] = [
    ['an encrypted entry', 'encrypted', [{ name: 'X_60.csv', data: CSV, flags: 1 }]],
    ['a zip inside the zip', 'unsupported', [{ name: 'X.zip', data: 'PK' }]],
    ['a gzip inside the zip', 'unsupported', [{ name: 'X.csv.gz', data: 'PK' }]],
    ['an unknown method', 'unsupported', [{ name: 'X_60.csv', raw: Buffer.from('BZh9'), method: 12 }]],
    ['a name with ..', 'corrupt', [{ name: '../X_60.csv', data: CSV }]],
    ['a name that starts with /', 'corrupt', [{ name: '/X_60.csv', data: CSV }]],
    ['a name with a drive', 'corrupt', [{ name: 'C:/X_60.csv', data: CSV }]],
    ['a name with a backslash that leads out', 'corrupt', [{ name: '..\\X_60.csv', data: CSV }]],
    ['a name with a NUL', 'corrupt', [{ name: 'X\0_60.csv', data: CSV }]],
    ['a name that is too long', 'corrupt', [{ name: `${'x'.repeat(2000)}_60.csv`, data: CSV }]],
    [
      'a stored entry of two sizes',
      'corrupt',
      [{ name: 'X_60.csv', data: CSV, method: 0, uncompressedSize: 7 }],
    ],
    ['an entry beyond the end', 'truncated', [{ name: 'X_60.csv', data: CSV, compressedSize: 1 << 30 }]],
    [
      'a name that occurs twice',
      'corrupt',
      [
        { name: 'X_60.csv', data: CSV },
        { name: 'X_60.csv', data: 'other' },
      ],
    ],
  ];
  it.each(cases)('sets aside %s as %s and keeps the others', async (_, kind, bad) => {
    const entries = await listed([other, ...bad]);
    expect(entries).toHaveLength(1 + bad.length);
    const faults = entries.slice(1).map(({ fault }) => fault);
    // An entry whose size is a lie overlaps whatever follows, so the good one goes first.
    expect(entries[0]).toMatchObject({ name: 'OK_60.csv', fault: null });
    for (const [i, fault] of faults.entries()) {
      expect(fault).toMatchObject({ kind, where: { uri: 'memory:object', entry: entries[i + 1]!.name } });
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none must be left.
    expect(JSON.stringify(entries)).not.toMatch(/[\u0000-\u001f]|\\u00/);
  });

  it('sets aside entries that share bytes', async () => {
    const entries = await listed([
      { name: 'A_60.csv', data: CSV },
      { name: 'B_60.csv', data: CSV, headerOffset: 0 },
      { name: 'C_60.csv', data: CSV },
    ]);
    expect(entries.map(({ fault }) => fault?.kind ?? null)).toEqual(['corrupt', 'corrupt', null]);
  });

  it('sets aside an entry whose name is too long under one that still tells it for data', async () => {
    for (const letter of ['x', '😀', 'x😀']) {
      const [entry] = await listed([{ name: `${letter.repeat(1200)}_60.csv`, data: CSV }]);
      expect(entry!.fault).toMatchObject({ kind: 'corrupt' });
      expect(entry!.name).toMatch(/\.csv$/);
      expect(entry!.name.length).toBeLessThan(200);
      expect(entry!.name.isWellFormed()).toBe(true);
    }
  });

  it('does not take a zip for empty because its comment, or what is behind it, says so', async () => {
    const empty = Buffer.concat([Buffer.from('PK\x05\x06'), Buffer.alloc(18)]);
    const files = [{ name: 'A_60.csv', data: CSV }];
    for (const bytes of [
      zipBytes(files, empty.toString('latin1')),
      Buffer.concat([zipBytes(files), empty]),
      Buffer.concat([zipBytes([{ name: 'folder/', method: 0 }, ...files]), empty]),
    ]) {
      const fault = await faultOf(listZip(new MemoryReader(bytes)));
      expect(fault).toMatchObject({ kind: 'corrupt', message: expect.stringContaining('lists no entry') });
    }
    expect(await listed([{ name: 'folder/', method: 0 }])).toEqual([]);
  });

  it('says of a cut zip that it is truncated, of another file that it is no zip', async () => {
    const whole = zipBytes([{ name: 'A_60.csv', data: CSV.repeat(1000) }]);
    for (const length of [0, 10, whole.length >> 1, whole.length - 1]) {
      const reader = new MemoryReader(whole.subarray(0, length));
      expect(await faultOf(listZip(reader))).toMatchObject({ kind: 'truncated', where: { uri: reader.uri } });
    }
    expect(await faultOf(listZip(new MemoryReader(Buffer.from(CSV.repeat(9)))))).toMatchObject({
      kind: 'corrupt',
      message: 'not a zip',
    });
  });

  it('says of a directory whose bytes are missing that it is damaged', async () => {
    const whole = zipBytes([
      { name: 'A_60.csv', data: CSV },
      { name: 'B_60.csv', data: CSV },
    ]);
    const cut = Buffer.concat([whole.subarray(0, 40), whole.subarray(60)]);
    expect(await faultOf(listZip(new MemoryReader(cut)))).toMatchObject({ kind: 'corrupt' });
  });

  it('never fails but with a fault, whatever byte is damaged', async () => {
    const whole = zipBytes([
      { name: 'A_60.csv', data: CSV },
      { name: 'B_60.csv', data: CSV, zip64: true },
    ]);
    const damage = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
        const bytes = Buffer.from(whole);
        for (const [at, change] of damages) bytes[at]! ^= change;
        const entries = await listZip(new MemoryReader(bytes)).catch(async (error: unknown) => {
          expect((await faultOf(Promise.reject(error))).kind).toMatch(/corrupt|truncated/);
          return [];
        });
        for (const { fault, headerOffset } of entries) expect(fault !== null || headerOffset >= 0).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('BlockCache', () => {
  it('gives the bytes of the object, wherever and in whatever order they are asked for', async () => {
    const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251));
    const range = fc.tuple(fc.nat(999), fc.nat(200));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 300 }), fc.array(range), async (blockBytes, ranges) => {
        const cache = new BlockCache(new MemoryReader(bytes), blockBytes, 2);
        for (const [start, wanted] of ranges) {
          const length = Math.min(wanted, 1000 - start);
          const expected = bytes.subarray(start, start + length);
          const hit = cache.peek(start, length);
          if (hit !== null) expect(hit).toEqual(expected);
          expect(await cache.read(start, length)).toEqual(expected);
        }
      }),
    );
  });

  it('fails beyond the end of the object', async () => {
    const cache = new BlockCache(new MemoryReader(Buffer.alloc(10)));
    expect((await faultOf(cache.read(5, 6))).kind).toBe('truncated');
  });
});
