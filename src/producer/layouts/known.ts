import { binanceKlines, binanceMark, binancePremium } from './binance_klines.ts';
import { cryptodatadownload } from './cryptodatadownload.ts';
import { krakenOhlcvt } from './kraken_ohlcvt.ts';
import { checkLayout, type Layout } from './layout.ts';
import { massiveAggs, massiveFutures, massiveIndices, massiveSessions } from './massive_aggs.ts';

/** The layouts that are known by name. A path that fits several is of the first; so is a header. */
export const KNOWN_LAYOUTS: readonly Layout[] = [
  massiveAggs,
  massiveIndices,
  massiveFutures,
  massiveSessions,
  // Their names fit those of klines too.
  binanceMark,
  binancePremium,
  binanceKlines,
  krakenOhlcvt,
  cryptodatadownload,
].map((layout) => checkLayout(layout, layout.name ?? '', layout.name ?? ''));
