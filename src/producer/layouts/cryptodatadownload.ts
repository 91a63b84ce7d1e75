import type { LayoutText } from './layout.ts';

/** CryptoDataDownload: a CSV for each exchange, symbol and interval, newest first, in spellings that changed often. */
export const cryptodatadownload: LayoutText = {
  name: 'cryptodatadownload',
  example: 'Binance_BTCUSDT_1h.csv',
  paths: [
    '(?:^|/)(?<venue>[A-Za-z][A-Za-z0-9.-]*)_(?<symbol>[A-Za-z0-9]{4,24})(?:_(?<year>\\d{4}))?_(?<interval>[Mm]inute|[Hh]our(?:ly)?|[Dd]ay|[Dd]aily|d|D|h|H|\\d{1,2}(?:m|min|h|hr|H|d|D|day))\\.csv(?:\\.gz)?$',
  ],
  columns: [
    // Where there is no number, the date is the time: of two columns for a role the first that is found counts.
    { role: 'time', names: ['unix', 'unix_timestamp', 'timestamp', 'unix_time'] },
    { role: 'time', names: ['date', 'datetime'] },
    { role: 'open', names: ['open'] },
    { role: 'high', names: ['high'] },
    { role: 'low', names: ['low'] },
    { role: 'close', names: ['close'] },
    { role: 'volume', names: ['volume_{base}', 'volume', 'volume_from', 'volumefrom'] },
    { role: 'trades', names: ['tradecount', 'trade_count', 'trades'], optional: true },
  ],
  header: 'required',
  preamble: 1,
  // Seconds and milliseconds occur in one file.
  time: { unit: 'magnitude' },
  venue: { from: '{venue:lower}' },
  symbol: { group: 'symbol' },
  interval: { group: 'interval' },
  intervals: {
    minute: { seconds: 60 },
    Minute: { seconds: 60 },
    hour: { seconds: 3600 },
    Hour: { seconds: 3600 },
    hourly: { seconds: 3600 },
    Hourly: { seconds: 3600 },
    h: { seconds: 3600 },
    H: { seconds: 3600 },
    // Days of some exchanges start at midnight in New York, as four or five o'clock UTC.
    d: { seconds: 86_400, grid: 'none' },
    D: { seconds: 86_400, grid: 'none' },
    '1d': { seconds: 86_400, grid: 'none' },
    '1D': { seconds: 86_400, grid: 'none' },
    '1day': { seconds: 86_400, grid: 'none' },
    day: { seconds: 86_400, grid: 'none' },
    Day: { seconds: 86_400, grid: 'none' },
    daily: { seconds: 86_400, grid: 'none' },
    Daily: { seconds: 86_400, grid: 'none' },
  },
  order: 'any',
  aliases: [
    ['BTC', 'XBT'],
    ['DOGE', 'XDG'],
  ],
};
