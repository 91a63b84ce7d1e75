/** The catalogue: layouts that are known by name, each a file of `catalogue/` that anyone may read and copy. */

import { readFileSync } from 'node:fs';
import { type Layout, layoutOf } from './layout.ts';
import type { LayoutKeys } from './schema.ts';

/** In the order they are listed. A file that fits several is refused, unless one knows its header better. */
const NAMES = [
  'massive-aggs',
  'massive-indices',
  'massive-futures',
  'massive-sessions',
  'binance-mark',
  'binance-premium',
  'binance-klines',
  'kraken-ohlcvt',
  'cryptodatadownload',
  'bitstamp-kaggle',
  'firstrate',
  'stooq-bulk',
  'stooq-daily',
  'histdata-ascii',
  'histdata-mt',
  'dukascopy-jforex',
  'dukascopy-local',
  'jforex-eet',
  'jforex-utc',
  'dukascopy-node',
  'metatrader4',
  'metatrader5',
  'metatrader5-daily',
  'databento-pretty',
  'databento-raw',
  'alpaca',
  'alphavantage',
  'yahoo',
  'yahoo-adjusted',
  'yfinance',
  'tradingview',
  'bybit-mt4',
  'okx',
  'bitmex',
  'ninjatrader',
  'lean-equity',
  'lean-equity-daily',
  'lean-crypto',
  'freqtrade-json',
  'backhaul-export',
  // Before those of the spot market, which never have a header.
  'binance-futures-trades',
  'binance-futures-agg-trades',
  'binance-trades',
  'binance-agg-trades',
  'kraken-trades',
  'bitstamp-trades',
  'tardis-trades',
] as const;

/** Of files of columns alone, whose names and types tell what a CSV leaves open. */
const TABLES = ['table-symbols', 'table'] as const;

/** Every file of the catalogue. */
export const CATALOGUE_NAMES: readonly string[] = [...NAMES, ...TABLES];

let known: readonly Layout[] | null = null;
let tables: readonly Layout[] | null = null;

/** All of them. Read when they are first asked for: most commands need none. */
export function knownLayouts(): readonly Layout[] {
  known ??= fromKeys(NAMES);
  return known;
}

/** Those that only tables are held against, the likelier first. */
export function tableLayouts(): readonly Layout[] {
  tables ??= fromKeys(TABLES);
  return tables;
}

/** `catalogue.json` holds the keys of all files, read and checked (`npm run catalogue`): that takes 200 ms, this 2. */
function fromKeys(names: readonly string[]): Layout[] {
  const text = readFileSync(new URL('catalogue/catalogue.json', import.meta.url), 'utf8');
  const keys = JSON.parse(text) as Readonly<Record<string, LayoutKeys>>;
  return names.map((name) => layoutOf(keys[name]!, name));
}

/** All that have a name. */
export function allLayouts(): readonly Layout[] {
  return [...knownLayouts(), ...tableLayouts()];
}

/** The file of a layout of the catalogue, as it is written. */
export function catalogueText(name: string): string {
  return readFileSync(new URL(`catalogue/${name}.yaml`, import.meta.url), 'utf8');
}
