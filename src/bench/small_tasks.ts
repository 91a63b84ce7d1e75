/** A zip of many small entries, and the same rows in one file. */

import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { ZipFile } from 'yazl';
import { decimalText } from '../sample/decimals.ts';
import { MASSIVE_HEADER } from '../sample/massive_sample.ts';
import { Random } from '../sample/random.ts';
import { nextBar, type SampleBar } from '../sample/walk.ts';

const VERSION = 1;
const REPORT = 'small.json';

/** Bars of an entry: a pair nobody trades. */
const BARS = 30;
/** 2024-06-03 12:00 UTC, in the session of New York. */
const FROM_S = Date.UTC(2024, 5, 3, 12) / 1000;

/** Both forms of the same rows. */
export interface SmallTaskFiles {
  readonly tasks: number;
  readonly records: number;
  /** A zip as Kraken lays it out: an entry a pair. */
  readonly zip: string;
  /** A day file as Massive lays it out: a ticker a pair. */
  readonly file: string;
}

/** Makes them under `root`, unless they are there. */
export async function smallTaskFiles(
  root: string,
  tasks: number,
  seed: string,
  signal: AbortSignal,
): Promise<SmallTaskFiles> {
  const folder = join(root, `${tasks}-small-tasks-seed-${seed}`);
  const zip = join(folder, 'Kraken_OHLCVT_2024Q2.zip');
  const file = join(folder, 'us_stocks_sip', 'minute_aggs_v1', '2024', '06', '2024-06-03.csv.gz');
  const files = { tasks, records: tasks * BARS, zip, file };
  if (await isKept(folder, files)) return files;
  await rm(folder, { recursive: true, force: true });
  await mkdir(dirname(file), { recursive: true });
  const entries = new ZipFile();
  let massive = MASSIVE_HEADER;
  const bar: SampleBar = { open: 0, high: 0, low: 0, close: 0, volume: 0, trades: 0 };
  const character = { volatility: 0.001, tradeVolume: 50, tradesPerBar: 5 };
  for (let n = 0; n < tasks; n++) {
    // Lets an interrupt be heard.
    if (n % 100 === 0) await setImmediate(undefined, { signal });
    const name = `T${String(n).padStart(6, '0')}USD`;
    const random = new Random('small', seed, name);
    let price = 5_000 + random.whole(100_000);
    let kraken = '';
    for (let minute = 0; minute < BARS; minute++) {
      nextBar(random, price, character, bar);
      price = bar.close;
      const [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map((ticks) =>
        decimalText(ticks, 2, 'trimmed'),
      );
      const openS = FROM_S + 60 * minute;
      kraken += `${openS},${open},${high},${low},${close},${bar.volume},${bar.trades}\n`;
      massive += `${name},${bar.volume},${open},${close},${high},${low},${openS}000000000,${bar.trades}\n`;
    }
    entries.addBuffer(Buffer.from(kraken), `${name}_1.csv`, { mtime: new Date(0), compressionLevel: 6 });
  }
  entries.end();
  const making = `${zip}.making`;
  await pipeline(entries.outputStream, createWriteStream(making), { signal });
  await rename(making, zip);
  await writeFile(file, gzipSync(massive));
  // Written last: a folder without it was cut short and is made again.
  await writeFile(join(folder, REPORT), JSON.stringify({ version: VERSION, tasks }));
  return files;
}

async function isKept(folder: string, { tasks, zip, file }: SmallTaskFiles): Promise<boolean> {
  try {
    const kept = JSON.parse(await readFile(join(folder, REPORT), 'utf8')) as {
      version: number;
      tasks: number;
    };
    await stat(zip);
    await stat(file);
    return kept.version === VERSION && kept.tasks === tasks;
  } catch {
    return false; // None there, or cut short: made anew.
  }
}
