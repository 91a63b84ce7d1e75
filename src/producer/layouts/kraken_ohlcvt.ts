import type { LayoutText } from './layout.ts';

/** Kraken's downloadable OHLCVT history: a zip a quarter, or the full history in parts. */
export const krakenOhlcvt: LayoutText = {
  name: 'kraken-ohlcvt',
  example: 'XBTUSD_60.csv',
  paths: [
    '(?:^|/)(?<symbol>[A-Za-z0-9.]{2,24})_(?<interval>1|5|15|30|60|240|720|1440|10080|21600)\\.(?:csv|txt)(?:\\.gz)?$',
    // A stray entry of older zips holds years of its own: the empty groups keep the zip's quarter from dating it.
    '(?:^|/)(?<symbol>[A-Za-z0-9.]{2,24})_(?<interval>Daily|Hourly)_OHLC[VT]*\\.csv(?<year>)(?<quarter>)$',
  ],
  context: [
    'Kraken_OHLCVT_(?<full>Full_)?(?<year>\\d{4})_?Q(?<quarter>[1-4])',
    'Kraken_OHLCVT_(?<full>Full_)?Q(?<quarter>[1-4])_?(?<year>\\d{4})',
  ],
  columns: [
    { role: 'time', names: ['timestamp', 'time', 'open_time', 'unix', 'date'] },
    { role: 'open', names: ['open'] },
    { role: 'high', names: ['high'] },
    { role: 'low', names: ['low'] },
    { role: 'close', names: ['close'] },
    { role: 'volume', names: ['volume', 'vol'] },
    { role: 'trades', names: ['trades', 'count', 'trade_count'], optional: true },
  ],
  header: 'optional',
  time: { unit: 's' },
  venue: 'kraken',
  symbol: { group: 'symbol' },
  interval: { group: 'interval' },
  intervals: {
    '1': { seconds: 60 },
    '5': { seconds: 300 },
    '15': { seconds: 900 },
    '30': { seconds: 1800 },
    '60': { seconds: 3600 },
    '240': { seconds: 14_400 },
    '720': { seconds: 43_200 },
    '1440': { seconds: 86_400 },
    // Kraken's weeks start on a Thursday, as 1970 did.
    '10080': { seconds: 604_800, grid: 'epoch' },
    '21600': { seconds: 1_296_000, grid: 'epoch' },
    Hourly: { seconds: 3600 },
    Daily: { seconds: 86_400 },
  },
  order: 'time',
  // A zip's name dates what it adds, but older zips reach back a little.
  range: 'planning',
  aliases: [
    ['XBT', 'BTC'],
    ['XDG', 'DOGE'],
  ],
};
