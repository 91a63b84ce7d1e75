import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { checkLayout, type Layout } from './layout.ts';

/** The catalogue: layouts that are known by name, each a file of `catalogue/` that anyone may read and copy. */

/** A path that fits several is of the first; so is a header. */
const NAMES = [
  'massive-aggs',
  'massive-indices',
  'massive-futures',
  'massive-sessions',
  // Their names fit those of klines too.
  'binance-mark',
  'binance-premium',
  'binance-klines',
  'kraken-ohlcvt',
  'cryptodatadownload',
  'backhaul-export',
] as const;

let known: readonly Layout[] | null = null;

/** All of them. Read when they are first asked for: most commands need none. */
export function knownLayouts(): readonly Layout[] {
  known ??= NAMES.map((name) =>
    checkLayout(yaml().parse(catalogueText(name), { stringKeys: true }), name, name),
  );
  return known;
}

/** The file of a layout of the catalogue, as it is written. */
export function catalogueText(name: string): string {
  return readFileSync(new URL(`catalogue/${name}.yaml`, import.meta.url), 'utf8');
}

/** 35 ms. */
function yaml(): typeof import('yaml') {
  return createRequire(import.meta.url)('yaml') as typeof import('yaml');
}
