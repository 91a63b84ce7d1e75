/**
 * The sample: files like those vendors publish, made from a fixed seed, the same on every machine. No real data; what
 * is odd about the real files (missing minutes, exponents, a ticker called NA) is odd about these.
 */

import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { ZipFile } from 'yazl';
import {
  KRAKEN_INTERVALS,
  krakenFile,
  type Minutes,
  PAIRS,
  type Stretch,
  walkMinutes,
} from './kraken_sample.ts';
import { makeTickers, massiveFile, startWalks } from './massive_sample.ts';

/** How much of everything. */
export interface SampleShape {
  /** Days of the quarter from 2024-04-01, at most 91. */
  readonly krakenDays: number;
  readonly tickers: number;
  /** Trading days from 2024-04-01, at most 5. */
  readonly tradingDays: number;
}

/** About a million records. */
const FULL_SAMPLE: SampleShape = { krakenDays: 91, tickers: 400, tradingDays: 5 };

/** What was made. */
export interface SampleReport {
  /** Absolute paths: the zip, and the folder of the day files. */
  readonly sources: readonly string[];
  /** Files a load finds: entries of the zip, and day files. */
  readonly files: number;
  readonly records: number;
  /** SHA-256 of all CSV bytes, file after file. */
  readonly sha256: string;
}

/** Goes up when the content of the sample changes: an older one is then made anew. */
const VERSION = 1;
const REPORT = 'sample.json';

/** Half the time of the usual level 6, for files a tenth larger. */
const LEVEL = 3;

/** 2024-04-01 00:00 UTC, a Monday. */
const FIRST_DAY_S = 1_711_929_600;
const DAY_S = 86_400;
/** New York is four hours behind UTC in April. */
const NEW_YORK_S = 4 * 3600;

/** Makes the sample in `folder`, unless it is there: then tells what is. Aborted, it leaves whole files alone. */
export async function makeSample(
  folder: string,
  shape: SampleShape = FULL_SAMPLE,
  signal: AbortSignal = new AbortController().signal,
): Promise<SampleReport & { readonly made: boolean }> {
  const there = await standingSample(folder, shape);
  if (there !== null) return { ...there, made: false };
  // The report is written last and taken away first: a sample that was cut short is made again.
  await rm(join(folder, REPORT), { force: true });
  const tally = { files: 0, records: 0, hash: createHash('sha256') };
  const zip = join(folder, 'Kraken_OHLCVT_2024Q2.zip');
  const days = join(folder, 'us_stocks_sip');
  await whole(zip, (file) => writeZip(file, shape, tally, signal));
  await writeDays(days, shape, tally, signal);
  const report = {
    sources: [zip, days],
    files: tally.files,
    records: tally.records,
    sha256: tally.hash.digest('hex'),
  };
  await writeFile(
    join(folder, REPORT),
    `${JSON.stringify({ version: VERSION, shape, ...report }, null, 2)}\n`,
  );
  return { ...report, made: true };
}

async function standingSample(folder: string, shape: SampleShape): Promise<SampleReport | null> {
  try {
    const { version, shape: made, ...report } = JSON.parse(await readFile(join(folder, REPORT), 'utf8'));
    if (version !== VERSION || JSON.stringify(made) !== JSON.stringify(shape)) return null;
    for (const source of report.sources) await stat(source);
    return report as SampleReport;
  } catch {
    return null; // None there, or a damaged one: it is made anew.
  }
}

interface Tally {
  files: number;
  records: number;
  readonly hash: Hash;
}

async function writeZip(file: string, shape: SampleShape, tally: Tally, signal: AbortSignal): Promise<void> {
  const zip = new ZipFile();
  // The fields of a local time are the same bytes wherever this runs.
  const options = {
    mtime: new Date(2024, 6, 15),
    mode: 0o100644,
    forceDosTimestamp: true,
    compressionLevel: LEVEL,
  };
  const stretch = { fromS: FIRST_DAY_S, toS: FIRST_DAY_S + shape.krakenDays * DAY_S };
  const rows: Record<string, number> = {};
  for (const pair of PAIRS) {
    // The minutes are walked when the pair's first entry is written and forgotten with its last.
    let minutes: Minutes | null = null;
    for (const interval of KRAKEN_INTERVALS) {
      const name = `${pair.name}_${interval}.csv`;
      zip.addReadStreamLazy(name, options, (go) => {
        minutes ??= walkMinutes(pair, stretch);
        const pieces = krakenFile(pair, minutes, interval, (records) => {
          rows[name] = records;
          tally.files++;
          tally.records += records;
        });
        if (interval === KRAKEN_INTERVALS.at(-1)) minutes = null;
        go(null, Readable.from(hashed(pieces, tally.hash)));
      });
    }
  }
  zip.addReadStreamLazy('MANIFEST.json', options, (go) =>
    go(null, Readable.from([JSON.stringify(manifest(stretch, rows), null, 2)])),
  );
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(file), { signal });
}

function manifest(stretch: Stretch, rows: Readonly<Record<string, number>>): object {
  const date = (s: number): string => new Date(s * 1000).toISOString().slice(0, 10);
  const files = Object.entries(rows).map(([name, count]) => ({ name, rows: count }));
  return {
    dataset: 'Kraken_OHLCVT_2024Q2',
    has_header: false,
    columns: ['timestamp', 'open', 'high', 'low', 'close', 'volume', 'trades'],
    intervals_minutes: KRAKEN_INTERVALS,
    coverage: { start: date(stretch.fromS), end: date(stretch.toS - 1) },
    pairs: PAIRS.length,
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    files,
  };
}

async function writeDays(
  folder: string,
  shape: SampleShape,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  const tickers = makeTickers(shape.tickers);
  const standing = startWalks(tickers);
  for (let day = 0; day < shape.tradingDays; day++) {
    const midnightS = FIRST_DAY_S + day * DAY_S;
    const date = new Date(midnightS * 1000).toISOString().slice(0, 10);
    const [year, month] = date.split('-');
    const pieces = massiveFile(tickers, standing, midnightS + NEW_YORK_S, (records) => {
      tally.files++;
      tally.records += records;
    });
    await whole(join(folder, 'minute_aggs_v1', year!, month!, `${date}.csv.gz`), (file) =>
      pipeline(
        Readable.from(hashed(pieces, tally.hash)),
        createGzip({ level: LEVEL, chunkSize: 1 << 17 }),
        createWriteStream(file),
        { signal },
      ),
    );
  }
}

/** Passes pieces on as bytes and into the hash. */
function* hashed(pieces: Iterable<string>, hash: Hash): Generator<Buffer> {
  for (const piece of pieces) {
    const bytes = Buffer.from(piece);
    hash.update(bytes);
    yield bytes;
  }
}

/** A file that is there whole or not at all. */
async function whole(path: string, write: (path: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const making = `${path}.making`;
  try {
    await write(making);
    await rename(making, path);
  } finally {
    await rm(making, { force: true });
  }
}
