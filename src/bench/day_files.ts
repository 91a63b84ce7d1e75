/** Makes the data of a benchmark: gzipped days of minute bars, kept and used again. */

import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { makeTickers, massiveFile, startWalks } from '../sample/massive_sample.ts';
import type { DataSize } from './size.ts';

/** Goes up when the content changes for the same size: what is kept is made anew. */
const VERSION = 1;
const REPORT = 'data.json';

/** What `gzip` does by itself. */
const LEVEL = 6;
const WRITE_BYTES = 1 << 17;

/** A Thursday: four trading days from it lie in two months, so that there is more than one partition to key. */
const FIRST_DAY_MS = Date.UTC(2024, 4, 30);
const DAY_MS = 86_400_000;
/** New York is four hours behind UTC; in winter the day only looks an hour early, and is still the same day. */
const NEW_YORK_S = 4 * 3600;

/** One day. */
export interface DayFile {
  readonly path: string;
  readonly records: number;
  readonly bytes: number;
}

/** The data of a benchmark. */
export interface DayFiles {
  /** To be given to `load`. */
  readonly folder: string;
  readonly size: DataSize;
  readonly files: readonly DayFile[];
  readonly records: number;
  /** As they lie on the disk, and inflated. */
  readonly bytes: number;
  readonly inflatedBytes: number;
  /** Of all inflated bytes, in the order of the files. */
  readonly sha256: string;
}

/** The `n`th trading day, from 0, as ms since 1970: Mondays to Fridays, holidays included. */
export function tradingDay(n: number): number {
  const day = FIRST_DAY_MS + n * DAY_MS;
  // The first week has a Thursday and a Friday, then weeks of five days follow.
  return day + 2 * DAY_MS * Math.floor((n + 3) / 5);
}

/** The data of this size under `root`: what is there from an earlier run, else made now. */
export async function dayFiles(
  root: string,
  size: DataSize,
  signal: AbortSignal,
  onFile: (file: DayFile) => void,
): Promise<DayFiles & { readonly made: boolean }> {
  const folder = join(root, `${size.days}-days-${size.tickers}-tickers-seed-${size.seed}`);
  const kept = await readKept(folder, size);
  if (kept !== null) return { ...kept, made: false };
  await rm(folder, { recursive: true, force: true });
  const hash = createHash('sha256');
  const tickers = makeTickers(size.tickers, size.seed);
  const standing = startWalks(tickers, size.seed);
  const files: DayFile[] = [];
  let inflatedBytes = 0;
  for (let n = 0; n < size.days; n++) {
    const midnight = tradingDay(n);
    const date = new Date(midnight).toISOString().slice(0, 10);
    const [year, month] = date.split('-');
    const path = join(folder, 'us_stocks_sip', 'minute_aggs_v1', year!, month!, `${date}.csv.gz`);
    let records = 0;
    const pieces = massiveFile(tickers, standing, midnight / 1000 + NEW_YORK_S, (count) => {
      records = count;
    });
    await mkdir(dirname(path), { recursive: true });
    const making = `${path}.making`;
    try {
      await pipeline(
        Readable.from(
          (function* () {
            for (const piece of pieces) {
              const bytes = Buffer.from(piece);
              hash.update(bytes);
              inflatedBytes += bytes.length;
              yield bytes;
            }
          })(),
        ),
        createGzip({ level: LEVEL, chunkSize: WRITE_BYTES }),
        createWriteStream(making),
        { signal },
      );
      await rename(making, path);
    } finally {
      await rm(making, { force: true });
    }
    const file = { path, records, bytes: (await stat(path)).size };
    files.push(file);
    onFile(file);
  }
  const made: DayFiles = {
    folder,
    size,
    files,
    records: files.reduce((sum, file) => sum + file.records, 0),
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    inflatedBytes,
    sha256: hash.digest('hex'),
  };
  // Written last: a folder without it was cut short and is made again.
  await writeFile(join(folder, REPORT), `${JSON.stringify({ version: VERSION, ...made }, null, 2)}\n`);
  return { ...made, made: true };
}

async function readKept(folder: string, size: DataSize): Promise<DayFiles | null> {
  try {
    const { version, ...kept } = JSON.parse(await readFile(join(folder, REPORT), 'utf8')) as DayFiles & {
      version: number;
    };
    if (version !== VERSION || JSON.stringify(kept.size) !== JSON.stringify(size) || kept.folder !== folder)
      return null;
    for (const { path, bytes } of kept.files) if ((await stat(path)).size !== bytes) return null;
    return kept;
  } catch {
    return null; // None there, or a damaged one: it is made anew.
  }
}
