import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Small synthetic files in the vendors' layouts, from a seed. */

export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface Bar {
  readonly symbol: string;
  /** Seconds since 1970. */
  readonly time: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly trades: number;
}

/** A random walk with holes: about half of the intervals have no trade. */
export function walk(
  symbol: string,
  fromS: number,
  toS: number,
  stepS: number,
  seed: number,
  density = 0.5,
): Bar[] {
  const next = random(seed);
  const bars: Bar[] = [];
  let price = 10 + 90 * next();
  for (let time = fromS; time < toS; time += stepS) {
    if (next() > density) continue;
    const open = price;
    price = Math.max(0.5, price * (1 + (next() - 0.5) * 0.02));
    const close = price;
    const round = (x: number): number => Number(x.toFixed(4));
    bars.push({
      symbol,
      time,
      open: round(open),
      high: round(Math.max(open, close) * 1.001 + 0.0001),
      low: round(Math.min(open, close) * 0.999 - 0.0001),
      close: round(close),
      volume: round(next() * 1000),
      trades: 1 + Math.floor(next() * 50),
    });
  }
  return bars;
}

export function write(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** `timestamp,open,high,low,close,volume,trades`, no header. */
export function krakenCsv(bars: readonly Bar[]): string {
  return bars
    .map((b) => `${b.time},${b.open},${b.high},${b.low},${b.close},${b.volume},${b.trades}\n`)
    .join('');
}

/** A gzipped day file of many tickers, sorted by ticker, then time. */
export function massiveCsv(bars: readonly Bar[]): Buffer {
  const rows = [...bars]
    .sort((a, b) => (a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : a.time - b.time))
    .map(
      (b) =>
        `${b.symbol},${b.volume},${b.open},${b.close},${b.high},${b.low},${b.time}000000000,${b.trades}\n`,
    );
  return gzipSync(`ticker,volume,open,close,high,low,window_start,transactions\n${rows.join('')}`);
}

const DAY = 86_400;

/** Day files `us_stocks_sip/minute_aggs_v1/2024/04/2024-04-DD.csv.gz`; returns their paths, oldest first. */
export function massiveDays(
  folder: string,
  days: number,
  tickers: readonly string[],
  seed: number,
): string[] {
  const first = Date.UTC(2024, 3, 1) / 1000;
  const series = tickers.map((ticker, i) =>
    walk(ticker, first, first + days * DAY, 60, seed + i, 0.2).filter((bar) => {
      // 04:00–20:00 New York is 08:00–24:00 UTC in April; some tickers do not trade every day.
      const day = Math.floor((bar.time - first) / DAY);
      return bar.time % DAY >= 8 * 3600 && (i + day) % 4 !== 3;
    }),
  );
  return Array.from({ length: days }, (_, day) => {
    const from = first + day * DAY;
    const bars = series.flat().filter((bar) => bar.time >= from && bar.time < from + DAY);
    const date = new Date(from * 1000).toISOString().slice(0, 10);
    return write(folder, `us_stocks_sip/minute_aggs_v1/2024/04/${date}.csv.gz`, massiveCsv(bars));
  });
}
