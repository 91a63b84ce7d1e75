import type { LayoutText } from './layout.ts';

/** The name of a file of klines. */
const FILE =
  '(?<symbol>[^/]+?)-(?<interval>1s|[135]m|15m|30m|[12468]h|12h|[13]d|1w|1mo|1M)-(?<year>\\d{4})-(?<month>\\d{2})(?:-(?<day>\\d{2}))?\\.(?:csv|txt)(?:\\.gz)?$';

/** Binance's public klines: a zip of one CSV for each symbol, interval and month (or day). */
export const binanceKlines: LayoutText = {
  name: 'binance-klines',
  example: 'BTCUSDT-1h-2025-01.csv',
  paths: [`(?:^|/)${FILE}`],
  context: [
    '(?:^|/)futures/(?<market>um|cm)/(?:[^/]+/)?(?<kind>markPriceKlines|indexPriceKlines|premiumIndexKlines)/',
    '(?:^|/)futures/(?<market>um|cm)/',
    '(?:^|/)data/(?<market>spot|option)/',
    // Outside Binance's own folders the nearest folder that names a market.
    '^.*(?:^|[/_-])(?<market>spot|um|cm)(?:[_-][^/]*)?/',
    '^.*(?:^|[/_-])(?<market>futures)(?:[_-][^/]*)?/',
  ],
  columns: [
    { role: 'time', names: ['open_time', 'opentime', 'timestamp'] },
    { role: 'open', names: ['open'] },
    { role: 'high', names: ['high'] },
    { role: 'low', names: ['low'] },
    { role: 'close', names: ['close'] },
    { role: 'volume', names: ['volume'] },
    { role: 'ignore', names: ['close_time'] },
    { role: 'ignore', names: ['quote_volume', 'quote_asset_volume'] },
    { role: 'trades', names: ['count', 'trades', 'number_of_trades'], optional: true },
    { role: 'ignore', names: ['taker_buy_volume'] },
    { role: 'ignore', names: ['taker_buy_quote_volume'] },
    { role: 'ignore', names: ['ignore'] },
  ],
  header: 'optional',
  // Spot stamps are µs from 2025-01-01 on and ms before; futures stayed with ms.
  time: { unit: 'magnitude' },
  venue: {
    from: '{market}{kind}',
    words: {
      spot: 'binance',
      option: 'binance-option',
      futures: 'binance-um',
      um: 'binance-um',
      cm: 'binance-cm',
      // Not traded prices: kept apart from the bars of the same symbols.
      ummarkPriceKlines: 'binance-um-mark',
      cmmarkPriceKlines: 'binance-cm-mark',
      umindexPriceKlines: 'binance-um-index',
      cmindexPriceKlines: 'binance-cm-index',
      umpremiumIndexKlines: 'binance-um-premium',
      cmpremiumIndexKlines: 'binance-cm-premium',
    },
    otherwise: 'binance',
  },
  symbol: { group: 'symbol' },
  interval: { group: 'interval' },
  order: 'time',
  aliases: [
    ['XBT', 'BTC'],
    ['XDG', 'DOGE'],
  ],
};

/** Premiums of perpetual futures over their index, in the same form: around zero, and below it half of the time. */
export const binancePremium: LayoutText = {
  ...binanceKlines,
  name: 'binance-premium',
  example: 'futures/um/daily/premiumIndexKlines/BTCUSDT/1h/BTCUSDT-1h-2025-01-31.csv',
  paths: [`(?:^|/)premiumIndexKlines/(?:.*/)?${FILE}`],
  prices: 'any',
};
