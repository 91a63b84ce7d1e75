import type { LayoutText } from './layout.ts';

const FILE =
  '(?<symbol>[^/]+?)-(?<interval>1s|[135]m|15m|30m|[12468]h|12h|[13]d|1w|1mo|1M)-(?<year>\\d{4})-(?<month>\\d{2})(?:-(?<day>\\d{2}))?\\.(?:csv|txt)(?:\\.gz)?$';

/** Not traded prices: each is a series of its own beside the bars of the same symbol. */
const KINDS = { markPriceKlines: 'mark', indexPriceKlines: 'index', premiumIndexKlines: 'premium' } as const;

const ALIASES: LayoutText['aliases'] = [
  ['BTC', 'XBT'],
  ['DOGE', 'XDG'],
];

/** Binance's public klines: a zip of one CSV for each symbol, interval and month (or day). */
export const binanceKlines: LayoutText = {
  name: 'binance-klines',
  example: 'BTCUSDT-1h-2025-01.csv',
  paths: [`(?:^|/)${FILE}`],
  context: [
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
    from: '{market}',
    words: {
      spot: 'binance',
      option: 'binance-option',
      futures: 'binance-um',
      um: 'binance-um',
      cm: 'binance-cm',
    },
    otherwise: 'binance',
  },
  symbol: { group: 'symbol' },
  interval: { group: 'interval' },
  order: 'time',
  aliases: ALIASES,
};

/** Prices that nobody traded at: no volume, and the number of samples is none of trades. */
function untraded(kinds: readonly (keyof typeof KINDS)[]): Omit<LayoutText, 'name'> {
  const words = kinds.flatMap((kind) =>
    ['um', 'cm'].map((market) => [`${market}${kind}`, `binance-${market}-${KINDS[kind]}`] as const),
  );
  return {
    example: `futures/um/daily/${kinds[0]}/BTCUSDT/1h/BTCUSDT-1h-2025-01-31.csv`,
    paths: [`(?:^|/)(?:.*/)?(?<kind>${kinds.join('|')})/(?:.*/)?${FILE}`],
    context: ['(?:^|/)futures/(?<market>um|cm)/', '^.*(?:^|[/_-])(?<market>um|cm)(?:[_-][^/]*)?/'],
    columns: [
      { role: 'time', names: ['open_time', 'opentime', 'timestamp'] },
      { role: 'open', names: ['open'] },
      { role: 'high', names: ['high'] },
      { role: 'low', names: ['low'] },
      { role: 'close', names: ['close'] },
      { role: 'ignore', names: ['volume', 'ignore'] },
      { role: 'ignore', names: ['close_time'] },
      { role: 'ignore', names: ['quote_volume', 'quote_asset_volume'] },
      { role: 'ignore', names: ['count', 'trades', 'number_of_trades'] },
      { role: 'ignore', names: ['taker_buy_volume'] },
      { role: 'ignore', names: ['taker_buy_quote_volume'] },
      { role: 'ignore', names: ['ignore'] },
    ],
    header: 'optional',
    volume: 'none',
    time: { unit: 'magnitude' },
    venue: { from: '{market}{kind}', words: Object.fromEntries(words) },
    symbol: { group: 'symbol' },
    interval: { group: 'interval' },
    order: 'time',
    aliases: ALIASES,
  };
}

/** What futures are settled and liquidated by, and the spot prices behind it. */
export const binanceMark: LayoutText = {
  name: 'binance-mark',
  ...untraded(['markPriceKlines', 'indexPriceKlines']),
};

/** By how much a perpetual future is dearer than its index: around 0, below it as often as above. */
export const binancePremium: LayoutText = {
  name: 'binance-premium',
  ...untraded(['premiumIndexKlines']),
  prices: 'any',
};
