import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { openBytes } from '../../../src/producer/archive/entry_stream.ts';
import { listZip } from '../../../src/producer/archive/zip.ts';
import { collect, MemoryReader } from '../../producer/archive/memory_reader.ts';
import type { Dice } from './mutations.ts';

/** The good files that are mutated: all of `../shared/data`, inflated, each under a name its layout knows. */

const DATA = new URL('../../../../shared/data/', import.meta.url);

export const isThere = existsSync(DATA);

export interface Base {
  /** Path under a source, which layouts read. */
  readonly path: string;
  readonly bytes: Buffer;
  /** The file has no header, and its layout knows none: each line is a record. */
  readonly isBare: boolean;
  /** Some of the files are of no layout: those must fail whatever is done to them, and do so by name. */
  readonly isBars: boolean;
}

/** Massive's samples lie about under names that tell no day. */
function pathOf(name: string): string {
  if (name.startsWith('massive-aggs/')) {
    const day = name.includes('backt4j') ? '2024-10-01' : '2023-03-28';
    return `us_stocks_sip/minute_aggs_v1/${day.slice(0, 4)}/${day.slice(5, 7)}/${day}.csv`;
  }
  return name.replace(/\.(gz|zip)$/, '').replace(/(\.csv)?$/, '.csv');
}

async function contentOf(name: string): Promise<Buffer> {
  const bytes = readFileSync(new URL(name, DATA));
  if (name.endsWith('.gz')) return gunzipSync(bytes);
  if (!name.endsWith('.zip')) return bytes;
  const reader = new MemoryReader(bytes);
  const [entry] = await listZip(reader);
  const storage = { kind: 'zip', objectBytes: bytes.length, objectEtag: '', ...entry! } as const;
  return Buffer.concat(await collect(openBytes(reader, storage)));
}

export async function bases(): Promise<Base[]> {
  if (!isThere) return [];
  const names = readdirSync(DATA, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => /\.(csv|csv\.gz|zip)$/.test(name))
    .sort();
  return Promise.all(
    names.map(async (name) => {
      const bytes = await contentOf(name);
      return {
        path: pathOf(name),
        bytes,
        isBare: /^\d+,[\d.]+,/.test(bytes.toString('latin1', 0, 100)) && /kraken|binance/.test(name),
        isBars: !/massive-aggs\/(options|stock_|stocks_minute)/.test(name),
      };
    }),
  );
}

/** Some whole lines out of the middle of a file, behind its own first lines, `about` bytes of them. */
export function excerpt(base: Base, about: number, dice: Dice): Buffer {
  const { bytes } = base;
  if (bytes.length <= about) return bytes;
  let head = 0;
  if (!base.isBare) for (let line = 0; line < 2; line++) head = bytes.indexOf('\n', head) + 1;
  const from = bytes.indexOf('\n', head + dice.below(bytes.length - head - about)) + 1;
  const end = bytes.indexOf('\n', Math.min(bytes.length - 1, from + about));
  return Buffer.concat([bytes.subarray(0, head), bytes.subarray(from, end < 0 ? bytes.length : end + 1)]);
}
