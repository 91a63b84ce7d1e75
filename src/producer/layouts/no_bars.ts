/** What vendors publish beside bars and trades, told by name: it would be refused for its columns, but less plainly. */

/** Kinds of Massive's datasets by the word before `_v1`. */
const MASSIVE: Readonly<Record<string, string>> = {
  trades: 'single trades',
  quotes: 'quotes',
  values: 'single values of indices',
};

/** Kinds of Binance's, by the folder or the middle of the file's name. */
const BINANCE: Readonly<Record<string, string>> = {
  bookDepth: 'depths of the order book',
  bookTicker: 'best bids and offers',
  fundingRate: 'funding rates',
  liquidationSnapshot: 'liquidations',
  metrics: 'open interest and ratios',
  BVOLIndex: 'a volatility index',
  EOHSummary: 'hourly summaries of options',
};

const MASSIVE_PATH =
  /(?:^|[/_.-])((?:us|global)_[a-z0-9_]+?)[/_](trades|quotes|values)(?:_v\d+)?[/_](?:.*[/_])?\d{4}-\d{2}-\d{2}\.csv(?:\.gz)?$/;
const BINANCE_PATH = new RegExp(
  `(?:^|/)[^/]+?-(${Object.keys(BINANCE).join('|')})-\\d{4}-\\d{2}(?:-\\d{2})?\\.(?:zip|csv)(?:\\.gz)?$`,
);

/** Which trades are part of a bar is told by their conditions: odd lots, late reports, corrections. */
export const SALE_CONDITIONS =
  'Which of these trades are part of a bar is told by their sale conditions, of which there is no table here: load the minute aggregates instead.';

/** What a file of such a name holds: `us_stocks_sip/trades holds single trades, no bars`; null for any other name. */
export function noBarsIn(path: string): string | null {
  const massive = MASSIVE_PATH.exec(path);
  if (massive !== null) return `${massive[1]}/${massive[2]} holds ${MASSIVE[massive[2]!]}, no bars`;
  const binance = BINANCE_PATH.exec(path);
  return binance === null ? null : `Binance's ${binance[1]} are ${BINANCE[binance[1]!]}, no bars`;
}

/**
 * The tickers of a table that holds several side by side, a column of each price for each of them: so yfinance writes a
 * download of several. Null for any other. `lines`: the first of the file, as fields.
 */
export function tickersSideBySide(lines: readonly (readonly string[])[]): readonly string[] | null {
  const first = lines.slice(0, 3);
  const prices = first.findIndex((line) =>
    ['open', 'high', 'low', 'close'].every(
      (price) => line.filter((field) => field.trim().toLowerCase() === price).length > 1,
    ),
  );
  if (prices < 0) return null;
  const words = first[prices]!;
  const at = words.flatMap((field, i) => (field.trim().toLowerCase() === 'close' ? [i] : []));
  const named = first.find(
    (line, i) => i !== prices && new Set(at.map((one) => line[one] ?? '')).size === at.length,
  );
  return named === undefined ? null : at.map((one) => named[one]!.trim());
}
