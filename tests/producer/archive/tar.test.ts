import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { openBytes } from '../../../src/producer/archive/entry_stream.ts';
import { listTar, tarBytesOf } from '../../../src/producer/archive/tar.ts';
import type { Packing, Storage } from '../../../src/state/task_plan.ts';
import { write } from '../../e2e/market.ts';
import { planned } from '../folder.ts';
import { MemoryReader } from './memory_reader.ts';
import { tarBytes } from './tar_bytes.ts';

/** What tar, xz and bzip2 of this machine write is read; where one of them is missing its cases are left out. */

const folder = mkdtempSync(join(tmpdir(), 'backhaul-tar-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const csv = Array.from({ length: 4000 }, (_, i) => `${1_704_067_200 + 60 * i},1,2,0.5,1.5,${i},1\n`).join('');
const long = `${'long-'.repeat(30)}/XBTUSD_1.csv`;
write(folder, `in/${long}`, csv);
write(folder, 'in/ETHUSD_1.csv.gz', gzipSync(csv));
write(folder, 'in/empty.csv', '');

function packed(command: string, ...args: string[]): Buffer | null {
  try {
    return execFileSync(command, args, {
      cwd: folder,
      maxBuffer: 1 << 28,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  } catch {
    return null;
  }
}
const tars = ['gnu', 'posix'].flatMap((format) => packed('tar', 'cf', '-', `--format=${format}`, 'in') ?? []);

async function text(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of bytes) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString();
}

const PACKINGS: Readonly<Record<Packing, (bytes: Buffer) => Buffer | null>> = {
  plain: (bytes) => bytes,
  gzip: (bytes) => gzipSync(bytes),
  zstd: (bytes) => zstdCompressSync(bytes),
  xz: (bytes) => stdin('xz', bytes),
  bz2: (bytes) => stdin('bzip2', bytes),
};

function stdin(command: string, input: Buffer, ...args: string[]): Buffer | null {
  try {
    return execFileSync(command, ['-c', ...args], { input, maxBuffer: 1 << 28 });
  } catch {
    return null;
  }
}

const entry = (pack: Packing, bytes: Buffer, offset: number, size: number, inner: Packing): Storage => ({
  kind: 'tar',
  objectBytes: bytes.length,
  objectEtag: 'e',
  pack,
  offset,
  size,
  inner,
});

describe('a tar', () => {
  for (const pack of ['plain', 'gzip', 'zstd', 'xz', 'bz2'] as const)
    it(`packed by ${pack}: each entry is found again, unpacked itself where it is packed`, async () => {
      for (const tar of tars) {
        const bytes = PACKINGS[pack](tar);
        if (bytes === null) return;
        const reader = new MemoryReader(bytes);
        const source = pack === 'plain' ? reader.stream(0, bytes.length) : openBytes(reader, { kind: pack });
        const entries = await listTar(tarBytesOf(source));
        expect(entries.map(({ name }) => name).sort()).toEqual(
          [`in/${long}`, 'in/ETHUSD_1.csv.gz', 'in/empty.csv'].sort(),
        );
        for (const { name, offset, size } of entries) {
          const inner = name.endsWith('.gz') ? 'gzip' : 'plain';
          const own = openBytes(reader, entry(pack, bytes, offset, size, inner));
          expect(await text(own)).toBe(name.includes('empty') ? '' : csv);
        }
      }
    });

  it('need not be: a file of a few bytes packed by bz2 is read to its end', async () => {
    // Less than a stream holds at once: its decoder is through before anybody asks.
    const bytes = PACKINGS.bz2(Buffer.from('1700000000,1,2,1,2,5\n'));
    if (bytes === null) return;
    expect(await text(openBytes(new MemoryReader(bytes), { kind: 'bz2' }))).toBe('1700000000,1,2,1,2,5\n');
  });

  it('and what it is packed by hold pieces of it, never all of it, however slowly they are taken', async () => {
    // Records that no packing makes small, so that shares of the packed and of the unpacked bytes are the same.
    const digits = randomBytes(1 << 21).toString('hex');
    const tar = tarBytes([{ name: 'XBTUSD_1.csv', data: Buffer.from(digits) }]);
    // bzip2 is decoded some blocks at a time, in a memory of fixed size: all of a file as small as this.
    for (const pack of ['gzip', 'zstd', 'xz'] as const) {
      const bytes = pack === 'xz' ? stdin('xz', tar, '-0') : PACKINGS[pack](tar);
      if (bytes === null) continue;
      const reader = new MemoryReader(bytes);
      let made = 0;
      for await (const piece of openBytes(reader, entry(pack, bytes, 512, digits.length, 'plain'))) {
        made += piece.length;
        for (let turn = 0; turn < 5; turn++) await setImmediate();
        expect(piece.length).toBeLessThanOrEqual(1 << 20);
        const behind = reader.bytesRead - (made / digits.length) * bytes.length;
        expect([pack, behind > 1 << 20]).toEqual([pack, false]);
      }
      expect(made).toBe(digits.length);
    }
  });

  it('that was cut or damaged is named', async () => {
    const [tar] = tars;
    if (tar === undefined) return;
    const list = (bytes: Buffer) => listTar(tarBytesOf(new MemoryReader(bytes).stream(0, bytes.length)));
    await expect(list(tar.subarray(0, 20_000))).rejects.toMatchObject({ fault: { kind: 'truncated' } });
    const broken = Buffer.from(tar);
    broken[3]! ^= 1;
    await expect(list(broken)).rejects.toMatchObject({ fault: { kind: 'corrupt' } });
    for (const pack of ['xz', 'bz2'] as const) {
      const bytes = PACKINGS[pack](tar);
      if (bytes === null) continue;
      const half = new MemoryReader(bytes.subarray(0, bytes.length >> 1));
      await expect(text(openBytes(half, { kind: pack }))).rejects.toMatchObject({
        fault: { kind: 'truncated' },
      });
      const bad = Buffer.from(bytes);
      bad[bytes.length >> 1]! ^= 0x55;
      await expect(text(openBytes(new MemoryReader(bad), { kind: pack }))).rejects.toMatchObject({
        fault: { kind: 'corrupt' },
      });
    }
  });

  it('is planned as a zip is: an entry a task, names told by their path in it', async () => {
    const [tar] = tars;
    if (tar === undefined) return;
    for (const name of ['a.tar', 'b.tgz']) {
      const path = write(folder, `planned/${name}`, name === 'a.tar' ? tar : gzipSync(tar));
      const { planned: tasks, failed } = await planned(path);
      expect(failed).toMatchObject([{ entry: 'in/empty.csv', fault: { kind: 'not-a-bar-file' } }]);
      expect(tasks.map(({ entry: one, plan }) => [one, plan.symbol, plan.intervalS]).sort()).toEqual([
        ['in/ETHUSD_1.csv.gz', 'ETHUSD', 60],
        [`in/${long}`, 'XBTUSD', 60],
      ]);
    }
    expect(readFileSync(join(folder, 'planned/a.tar')).length).toBe(tar.length);
  });
});
