/** Quarters of minute bars of one pair, as Kraken's downloads hold them: a series of any length to fill holes in. */

import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { decimalText } from '../sample/decimals.ts';
import { Random } from '../sample/random.ts';
import { nextBar, type SampleBar } from '../sample/walk.ts';

/** The first quarter of this year is the first of a series. */
const FIRST_YEAR = 2012;
const MINUTE_S = 60;

/** One quarter; seconds since 1970. */
export interface QuarterFile {
  readonly path: string;
  readonly fromS: number;
  readonly toS: number;
  readonly bars: number;
}

/** `count` quarters under `root`, oldest first: those that are there from an earlier run, else made now. */
export async function quarterFiles(
  root: string,
  count: number,
  seed: string,
  signal: AbortSignal,
): Promise<QuarterFile[]> {
  const files: QuarterFile[] = [];
  let price = 4_000_000;
  for (let n = 0; n < count; n++) {
    const year = FIRST_YEAR + Math.floor(n / 4);
    const quarter = (n % 4) + 1;
    const fromS = Date.UTC(year, 3 * quarter - 3, 1) / 1000;
    const toS = Date.UTC(year, 3 * quarter, 1) / 1000;
    const name = `Kraken_OHLCVT_${year}Q${quarter}`;
    const path = join(root, `quarters-seed-${seed}`, name, 'XBTUSD_1.csv');
    // Of a quarter that is there the price behind it is not known: each begins where a plan says, not where the last ended.
    const random = new Random('quarter', seed, name);
    price = 2_000_000 + random.whole(4_000_000);
    files.push({ path, fromS, toS, bars: (toS - fromS) / MINUTE_S });
    if (await exists(path)) continue;
    const text = await csvOf(random, price, fromS, toS, signal);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.making`, text);
    await rename(`${path}.making`, path);
  }
  return files;
}

async function csvOf(
  random: Random,
  start: number,
  fromS: number,
  toS: number,
  signal: AbortSignal,
): Promise<string> {
  const bar: SampleBar = { open: 0, high: 0, low: 0, close: 0, volume: 0, trades: 0 };
  const character = { volatility: 0.001, tradeVolume: 50, tradesPerBar: 5 };
  const lines: string[] = [];
  let price = start;
  for (let openS = fromS; openS < toS; openS += MINUTE_S) {
    // Lets an interrupt be heard.
    if (lines.length % 20_000 === 0) await setImmediate(undefined, { signal });
    nextBar(random, price, character, bar);
    price = bar.close;
    const prices = [bar.open, bar.high, bar.low, bar.close].map((ticks) => decimalText(ticks, 2, 'trimmed'));
    lines.push(`${openS},${prices.join(',')},${bar.volume},${bar.trades}\n`);
  }
  return lines.join('');
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
