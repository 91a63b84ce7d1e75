import type { LayoutText } from './layout.ts';

/**
 * Massive's (formerly Polygon's) aggregates: a gzipped CSV a day that holds all tickers. Nine datasets have bars; their
 * columns are those of massive.com/docs/flat-files.
 */

const NEW_YORK = 'America/New_York';
const CHICAGO = 'America/Chicago';
/** A futures session begins in the evening before the date it is named after. */
const CHICAGO_EVENING = 'America/Chicago 17:00';

const FUTURES = ['us_futures_cme', 'us_futures_cbot', 'us_futures_comex', 'us_futures_nymex'];
const DATASETS = [
  'us_stocks_sip',
  'us_options_opra',
  'us_indices',
  'global_forex',
  'global_crypto',
  ...FUTURES,
];

/** Those whose columns are others. */
const OTHERS = ['us_indices', ...FUTURES];

/** What a folder above the aggregates is called that is a dataset, known or not. */
const DATASET_LIKE =
  '(?:us|global|eu|uk|jp|asia|world)_[a-z0-9]+(?:_[a-z0-9]+)*?|(?:[a-z0-9]+_)*?futures(?:_[a-z0-9]+)*?';
const DATE = '(?<year>\\d{4})-(?<month>\\d{2})-(?<day>\\d{2})';

/** `<dataset>/<interval>_aggs_v1/…/2025-01-31.csv.gz`, with slashes or, of a copy in one folder, with underscores. */
function aggsPath(dataset: string, interval: string): string {
  return `(?:^|[/_.-])${dataset}(?<interval>${interval})_aggs(?:_v\\d+)?[/_](?:.*[/_])?${DATE}\\.csv(?:\\.gz)?$`;
}

const FILE_DATE = `${DATE}[^/]*$`;
const FAR_INTERVAL =
  '^.*(?:^|[/_. -])(?<interval>minute|minutes|1min|1m|day|days|daily|1day|1d)(?:[/_. -]|$)';

/** The nearest folder that names one of the datasets. */
function farDataset(names: readonly string[]): string {
  return `^.*(?:^|[/_. -])(?<dataset>${names.join('|')})(?:[/_. -]|$)`;
}

/** Each under its own name. */
function wordsFor<T>(names: readonly string[], word: (name: string) => T): Record<string, T> {
  return Object.fromEntries(names.map((name) => [name, word(name)]));
}

const INTERVALS: LayoutText['intervals'] = {
  minute: { seconds: 60 },
  minutes: { seconds: 60 },
  '1min': { seconds: 60 },
  day: { seconds: 86_400 },
  days: { seconds: 86_400 },
  daily: { seconds: 86_400 },
  '1day': { seconds: 86_400 },
};

/** Stocks, options, currencies and crypto. */
export const massiveAggs: LayoutText = {
  name: 'massive-aggs',
  example: 'us_stocks_sip/minute_aggs_v1/2025/01/2025-01-31.csv.gz',
  paths: [aggsPath(`(?:(?<dataset>${DATASET_LIKE})[/_])?(?<!(?:${OTHERS.join('|')})[/_])`, 'minute|day')],
  context: [farDataset(DATASETS), FILE_DATE, FAR_INTERVAL],
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
    words: wordsFor(DATASETS, (name) => name),
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
  intervals: INTERVALS,
  order: 'symbol-time',
  session: {
    from: '{venue}',
    words: {
      us_stocks_sip: NEW_YORK,
      us_options_opra: NEW_YORK,
      us_indices: CHICAGO,
      ...wordsFor(FUTURES, () => CHICAGO_EVENING),
    },
    otherwise: 'UTC',
  },
};

/** Indices have values, no trades: neither volume nor transactions. Their days begin at Chicago's midnight. */
export const massiveIndices: LayoutText = {
  name: 'massive-indices',
  example: 'us_indices/minute_aggs_v1/2025/01/2025-01-31.csv.gz',
  paths: [aggsPath('(?<dataset>us_indices)[/_]', 'minute|day')],
  context: [farDataset(['us_indices']), FILE_DATE, FAR_INTERVAL],
  columns: [
    { role: 'symbol', names: ['ticker'] },
    { role: 'open', names: ['open'] },
    { role: 'close', names: ['close'] },
    { role: 'high', names: ['high'] },
    { role: 'low', names: ['low'] },
    { role: 'time', names: ['window_start'] },
  ],
  header: 'required',
  volume: 'none',
  // Rates and spreads among them are below zero.
  prices: 'any',
  time: { unit: 'ns' },
  venue: {
    from: '{dataset}',
    words: { us_indices: 'us_indices' },
    symbols: [{ pattern: '^I:', value: 'us_indices' }],
  },
  symbol: { column: 'ticker' },
  interval: { group: 'interval' },
  intervals: INTERVALS,
  order: 'symbol-time',
  session: CHICAGO,
};

const FUTURES_COLUMNS = [
  { role: 'symbol', names: ['ticker'] },
  { role: 'ignore', names: ['exchange'] },
  { role: 'volume', names: ['volume'] },
  { role: 'open', names: ['open'] },
  { role: 'close', names: ['close'] },
  { role: 'high', names: ['high'] },
  { role: 'low', names: ['low'] },
  { role: 'ignore', names: ['settlement_price'] },
  { role: 'trades', names: ['transactions'], optional: true },
  { role: 'ignore', names: ['dollar_volume'] },
] satisfies Extract<LayoutText['columns'], readonly unknown[]>;

/** Minutes of the four futures exchanges. A file is a session's: from the evening before, or before a holiday. */
export const massiveFutures: LayoutText = {
  name: 'massive-futures',
  example: 'us_futures_cme/minute_aggs_v1/2026/01/2026-01-30.csv.gz',
  paths: [aggsPath(`(?<dataset>${FUTURES.join('|')})[/_]`, 'minute')],
  context: [farDataset(FUTURES), FILE_DATE, FAR_INTERVAL],
  columns: [
    ...FUTURES_COLUMNS,
    { role: 'time', names: ['window_start'] },
    { role: 'ignore', names: ['session_end_date'] },
  ],
  header: 'required',
  // Oil was sold below zero, and spreads between months are at any time.
  prices: 'any',
  time: { unit: 'ns' },
  venue: { from: '{dataset}', words: wordsFor(FUTURES, (name) => name) },
  symbol: { column: 'ticker' },
  interval: { group: 'interval' },
  intervals: INTERVALS,
  order: 'symbol-time',
  session: CHICAGO_EVENING,
  calendar: 'cme',
};

/** A bar a session, of the date that the session ends on: Chicago's day, wherever the evening before it began. */
export const massiveSessions: LayoutText = {
  name: 'massive-sessions',
  example: 'us_futures_cme/session_aggs_v1/2026/01/2026-01-30.csv.gz',
  paths: [aggsPath(`(?:(?<dataset>${DATASET_LIKE})[/_])?`, 'session')],
  context: [farDataset(FUTURES), FILE_DATE],
  columns: [
    ...FUTURES_COLUMNS,
    { role: 'time', names: ['session_end_date'] },
    { role: 'ignore', names: ['window_start'] },
  ],
  header: 'required',
  prices: 'any',
  time: { unit: 'text', zone: CHICAGO },
  venue: { from: '{dataset}', words: wordsFor(FUTURES, (name) => name) },
  symbol: { column: 'ticker' },
  interval: '1d',
  order: 'symbol-time',
  session: CHICAGO,
  // Sessions end on the days on which US exchanges trade: none on a Sunday, though one begins there.
  calendar: 'us-equities',
};
