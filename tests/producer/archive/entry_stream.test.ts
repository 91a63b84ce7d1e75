import { createHash } from 'node:crypto';
import { deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BackhaulError } from '../../../src/faults/fault.ts';
import { type OpenBytesOptions, openBytes } from '../../../src/producer/archive/entry_stream.ts';
import { listZip } from '../../../src/producer/archive/zip.ts';
import type { Storage } from '../../../src/state/task_plan.ts';
import { collect, faultOf, MemoryReader } from './memory_reader.ts';
import { type ZipFileSpec, zipBytes } from './zip_bytes.ts';

const TEXT = Array.from(
  { length: 5_000 },
  (_, i) => `${1_704_067_200 + 60 * i},${Math.sqrt(i)},1,2,3,4,5\n`,
).join('');
const GZIP: Storage = { kind: 'gzip' };

async function textOf(reader: MemoryReader, storage: Storage, options?: OpenBytesOptions): Promise<string> {
  return Buffer.concat(await collect(openBytes(reader, storage, undefined, options))).toString();
}

function gzipFault(bytes: Uint8Array, pieceBytes?: number): ReturnType<typeof faultOf> {
  return faultOf(textOf(new MemoryReader(bytes, pieceBytes), GZIP));
}

describe('a gzip', () => {
  it('is the same text for any split into members, any padding and any pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ maxLength: 300 }), { minLength: 1, maxLength: 5 }),
        fc.nat(1024),
        fc.integer({ min: 1, max: 400 }),
        async (texts, padding, pieceBytes) => {
          const members = texts.map((text) => gzipSync(text));
          const reader = new MemoryReader(Buffer.concat([...members, Buffer.alloc(padding)]), pieceBytes);
          expect(await textOf(reader, GZIP)).toBe(texts.join(''));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('that is cut anywhere is truncated, and says where', async () => {
    const whole = gzipSync(TEXT);
    for (const length of [0, 1, 9, 10, whole.length >> 1, whole.length - 8, whole.length - 1]) {
      const fault = await gzipFault(whole.subarray(0, length), 1000);
      expect(fault).toMatchObject({ kind: 'truncated', where: { uri: 'memory:object' } });
      expect(fault.found).toContain(`${length} compressed bytes`);
    }
    expect((await gzipFault(whole.subarray(0, -1), 1000)).where?.byteOffset).toBe(TEXT.length);
  });

  it('is corrupt when a byte of it has changed', async () => {
    const whole = gzipSync(TEXT);
    for (const at of [0, whole.length >> 1, whole.length - 6]) {
      const bad = Buffer.from(whole);
      bad[at]! ^= 0x40;
      expect((await gzipFault(bad)).kind).toBe('corrupt');
    }
  });

  it('is corrupt when something else follows, even behind padding and in a piece of its own', async () => {
    const whole = gzipSync('1,2,3\n');
    for (const behind of [Buffer.from('garbage'), Buffer.concat([Buffer.alloc(600), gzipSync('more')])]) {
      for (const pieceBytes of [whole.length, 7, 1 << 20]) {
        expect((await gzipFault(Buffer.concat([whole, behind]), pieceBytes)).kind).toBe('corrupt');
      }
    }
  });

  it('does not inflate beyond the limit set', async () => {
    const bomb = gzipSync(Buffer.alloc(8 << 20));
    const limits = { bytes: 1 << 20, ratio: 2000 };
    const fault = await faultOf(textOf(new MemoryReader(bomb), GZIP, { limits }));
    expect(fault).toMatchObject({ kind: 'limit', hint: expect.stringContaining('--max-inflated-bytes') });
    expect(fault.expected).toBe('at most 1048576 bytes');
  });

  it('does not inflate out of proportion, where nobody says otherwise', async () => {
    const bomb = gzipSync(Buffer.alloc(80 << 20), { level: 9 });
    let inflated = 0;
    const fault = await faultOf(
      (async () => {
        for await (const piece of openBytes(new MemoryReader(bomb), GZIP)) inflated += piece.length;
      })(),
    );
    expect(fault).toMatchObject({ kind: 'limit', hint: expect.stringContaining('--max-inflate-ratio') });
    expect(inflated).toBeLessThanOrEqual(64 << 20);
    const limits = { bytes: 1 << 30, ratio: 1100 };
    expect(await textOf(new MemoryReader(bomb), GZIP, { limits })).toHaveLength(80 << 20);
    // What is small may be as dense as it likes.
    expect(await textOf(new MemoryReader(gzipSync(Buffer.alloc(4 << 20))), GZIP)).toHaveLength(4 << 20);
  });

  it('that is cut after any of its bytes is truncated, also behind a whole member', async () => {
    const member = gzipSync('1704067200,1,2,0.5,1.5,10,3\n'.repeat(3));
    for (const before of [Buffer.alloc(0), member]) {
      const whole = Buffer.concat([before, member]);
      for (let length = before.length + (before.length === 0 ? 0 : 1); length < whole.length; length++) {
        const fault = await gzipFault(whole.subarray(0, length));
        expect([length, fault.kind]).toEqual([length, 'truncated']);
      }
    }
  });

  it('says in words what is wrong with its end', async () => {
    const whole = gzipSync(TEXT);
    const flipped = (at: number): Buffer => Buffer.from(whole.map((byte, i) => (i === at ? byte ^ 1 : byte)));
    expect((await gzipFault(flipped(whole.length - 6))).message).toContain('CRC-32');
    expect((await gzipFault(flipped(whole.length - 1))).message).toContain('length');
    expect((await gzipFault(Buffer.from('plainly no gzip'))).message).toContain('where a gzip should begin');
  });

  it('is held against its published SHA-256', async () => {
    const whole = gzipSync(TEXT);
    const sha256 = createHash('sha256').update(whole).digest('hex');
    expect(await textOf(new MemoryReader(whole), GZIP, { sha256 })).toBe(TEXT);
    const fault = await faultOf(
      textOf(new MemoryReader(whole), GZIP, { sha256: sha256.replaceAll('0', '1') }),
    );
    expect(fault).toMatchObject({ kind: 'checksum', found: sha256 });
  });
});

describe('a plain file', () => {
  it('is passed on as it is, and held against its published SHA-256', async () => {
    const sha256 = createHash('sha256').update(TEXT).digest('hex');
    const reader = new MemoryReader(Buffer.from(TEXT), 999);
    expect(await textOf(reader, { kind: 'plain' }, { sha256 })).toBe(TEXT);
    const fault = await faultOf(textOf(reader, { kind: 'plain' }, { sha256: '0'.repeat(64) }));
    expect(fault.kind).toBe('checksum');
  });
});

describe('the consumer', () => {
  it('is not overtaken: no more is read than a few pieces ahead', async () => {
    const reader = new MemoryReader(gzipSync(Buffer.from(TEXT.repeat(20)), { level: 0 }), 1 << 16);
    const bytes = openBytes(reader, GZIP);
    await bytes.next();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(reader.bytesRead).toBeLessThan(reader.sizeBytes / 2);
    await bytes.return();
  });

  it('may leave at any time: what is behind ends too', async () => {
    for (const storage of [GZIP, { kind: 'plain' }] as const) {
      const reader = new MemoryReader(gzipSync(TEXT, { level: 0 }), 1 << 12);
      for await (const _ of openBytes(reader, storage)) break;
      expect(reader.streaming).toBe(0);
    }
  });

  it('may abort, with the reason as the error', async () => {
    const abort = new AbortController();
    const reader = new MemoryReader(gzipSync(TEXT, { level: 0 }), 1 << 12);
    const reading = (async () => {
      for await (const _ of openBytes(reader, GZIP, abort.signal)) abort.abort();
    })();
    expect((await faultOf(reading)).kind).toBe('interrupted');
    expect(reader.streaming).toBe(0);
    const lost = AbortSignal.abort(new BackhaulError({ kind: 'lost-lease', message: 'lost' }));
    expect((await faultOf(collect(openBytes(reader, GZIP, lost)))).kind).toBe('lost-lease');
  });
});

describe('an entry of a zip', () => {
  async function entryOf(
    files: readonly ZipFileSpec[],
    options?: OpenBytesOptions,
    pieceBytes = 1000,
    bytes = zipBytes(files),
  ): Promise<string> {
    const reader = new MemoryReader(bytes, pieceBytes);
    const entry = (await listZip(new MemoryReader(zipBytes(files)))).at(-1)!;
    const storage: Storage = { kind: 'zip', objectBytes: bytes.length, objectEtag: '', ...entry };
    return textOf(reader, storage, { entry: entry.name, ...options });
  }
  const other: ZipFileSpec = { name: 'A_60.csv', data: 'another' };

  it('is read alone, deflated or stored, whatever its local header holds besides', async () => {
    for (const spec of [{}, { method: 0 }, { flags: 8 }, { localExtraBytes: 77 }, { zip64: true }]) {
      expect(await entryOf([other, { name: 'B_60.csv', data: TEXT, ...spec }])).toBe(TEXT);
    }
    expect(await entryOf([{ name: 'EMPTY_60.csv', data: '' }])).toBe('');
    expect(await entryOf([{ name: 'a\\B_60.csv', data: TEXT }])).toBe(TEXT);
  });

  it('is held against the SHA-256 of the whole zip in one pass', async () => {
    const files = [{ name: 'B_60.csv', data: TEXT }];
    const sha256 = createHash('sha256').update(zipBytes(files)).digest('hex');
    for (const pieceBytes of [311, 5000, 1 << 20]) {
      expect(await entryOf(files, { sha256 }, pieceBytes)).toBe(TEXT);
    }
    expect((await faultOf(entryOf(files, { sha256: '1'.repeat(64) }))).kind).toBe('checksum');
  });

  const half = deflateRawSync(TEXT).subarray(0, 1000);
  const long = Buffer.concat([deflateRawSync(TEXT), Buffer.from('more')]);
  const cases: [string, string, Omit<ZipFileSpec, 'name'>][] = [
    ['a CRC-32 that differs', 'corrupt', { data: TEXT, crc: 1 }],
    ['a stored CRC-32 that differs', 'corrupt', { data: TEXT, crc: 1, method: 0 }],
    ['more bytes than stated', 'corrupt', { data: TEXT, uncompressedSize: 100 }],
    ['fewer bytes than stated', 'corrupt', { data: TEXT, uncompressedSize: TEXT.length + 1 }],
    ['deflate data that are cut', 'truncated', { data: TEXT, raw: half }],
    ['deflate data with something behind', 'corrupt', { data: TEXT, raw: long }],
    ['bytes that are no deflate data', 'corrupt', { data: TEXT, raw: Buffer.from('plainly not') }],
    ['the local header of another entry', 'corrupt', { data: TEXT, localName: 'C_60.csv' }],
  ];
  it.each(cases)('with %s is %s', async (_, kind, spec) => {
    const fault = await faultOf(entryOf([other, { name: 'B_60.csv', ...spec }]));
    expect(fault).toMatchObject({ kind, where: { uri: 'memory:object', entry: 'B_60.csv' } });
  });

  it('is corrupt when its header has moved, truncated when the zip has been cut', async () => {
    const files = [other, { name: 'B_60.csv', data: TEXT }];
    const bytes = zipBytes(files);
    expect((await faultOf(entryOf(files, {}, 1000, bytes.subarray(3)))).kind).toBe('corrupt');
    expect((await faultOf(entryOf(files, {}, 1000, bytes.subarray(0, 60)))).kind).toBe('truncated');
  });
});
