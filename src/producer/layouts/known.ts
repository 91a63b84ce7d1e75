/** The catalogue: layouts that are known by name, each a file of `catalogue/` that anyone may read and copy. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { checkLayout, type Layout } from './layout.ts';

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
] as const;

/** Of files of columns alone, whose names and types tell what a CSV leaves open. */
const TABLES = ['table-symbols', 'table'] as const;

let known: readonly Layout[] | null = null;
let tables: readonly Layout[] | null = null;

/** All of them. Read when they are first asked for: most commands need none. */
export function knownLayouts(): readonly Layout[] {
  known ??= NAMES.map((name) =>
    checkLayout(yaml().parse(catalogueText(name), { stringKeys: true }), name, name),
  );
  return known;
}

/** Those that only tables are held against, the likelier first. */
export function tableLayouts(): readonly Layout[] {
  tables ??= TABLES.map((name) =>
    checkLayout(yaml().parse(catalogueText(name), { stringKeys: true }), name, name),
  );
  return tables;
}

/** All that have a name. */
export function allLayouts(): readonly Layout[] {
  return [...knownLayouts(), ...tableLayouts()];
}

/** The file of a layout of the catalogue, as it is written. */
export function catalogueText(name: string): string {
  return readFileSync(new URL(`catalogue/${name}.yaml`, import.meta.url), 'utf8');
}

/** 35 ms. */
function yaml(): typeof import('yaml') {
  return createRequire(import.meta.url)('yaml') as typeof import('yaml');
}
