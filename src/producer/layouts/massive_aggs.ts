import type { LayoutText } from './layout.ts';

const NEW_YORK = 'America/New_York';

/** Massive's (formerly Polygon's) aggregates: a gzipped CSV a day that holds all tickers. */
export const massiveAggs: LayoutText = {
  name: 'massive-aggs',
  example: 'us_stocks_sip/minute_aggs_v1/2025/01/2025-01-31.csv.gz',
  paths: [
    '(?:^|[/_])(?<interval>minute|day)_aggs(?:_v\\d+)?[/_](?:.*[/_])?(?<year>\\d{4})-(?<month>\\d{2})-(?<day>\\d{2})\\.csv(?:\\.gz)?$',
  ],
  context: [
    '(?<dataset>us_stocks_sip|us_options_opra|us_indices|global_crypto|global_forex)',
    '(?<year>\\d{4})-(?<month>\\d{2})-(?<day>\\d{2})[^/]*$',
    '^.*(?:^|[/_. -])(?<interval>minute|minutes|1min|1m|day|days|daily|1day|1d)(?:[/_. -]|$)',
  ],
  columns: [
    { role: 'symbol', names: ['ticker'] },
    { role: 'volume', names: ['volume'] },
    { role: 'open', names: ['open'] },
    { role: 'close', names: ['close'] },
    { role: 'high', names: ['high'] },
    { role: 'low', names: ['low'] },
    { role: 'time', names: ['window_start'] },
    { role: 'trades', names: ['transactions'], optional: true },
  ],
  header: 'required',
  time: { unit: 'ns' },
  venue: {
    from: '{dataset}',
    words: {
      us_stocks_sip: 'us_stocks_sip',
      us_options_opra: 'us_options_opra',
      us_indices: 'us_indices',
      global_crypto: 'global_crypto',
      global_forex: 'global_forex',
    },
    symbols: [
      { pattern: '^X:', value: 'global_crypto' },
      { pattern: '^C:', value: 'global_forex' },
      { pattern: '^O:', value: 'us_options_opra' },
      { pattern: '^I:', value: 'us_indices' },
      { pattern: '', value: 'us_stocks_sip' },
    ],
  },
  symbol: { column: 'ticker' },
  interval: { group: 'interval' },
  intervals: {
    minute: { seconds: 60 },
    minutes: { seconds: 60 },
    '1min': { seconds: 60 },
    day: { seconds: 86_400 },
    days: { seconds: 86_400 },
    daily: { seconds: 86_400 },
    '1day': { seconds: 86_400 },
  },
  order: 'symbol-time',
  session: {
    from: '{venue}',
    words: { us_stocks_sip: NEW_YORK, us_options_opra: NEW_YORK, us_indices: NEW_YORK },
    otherwise: 'UTC',
  },
};
