/** What the name of a file says of its bars: symbol, interval, venue. */

import { intervalSeconds } from '../producer/layouts/interval_words.ts';

export interface NameGuess {
  /** Null: it names none. */
  readonly symbol: string | null;
  readonly interval: { readonly word: string; readonly seconds: number } | null;
  readonly venue: string | null;
  /** A regular expression that fits the name, and those of its kind. */
  readonly pattern: string;
  /** The interval is a group of the pattern. */
  readonly hasIntervalGroup: boolean;
}

/** Dates and pairs of currencies are one word each, whatever stands inside. */
const TOKEN =
  /\d{4}-\d{2}(?:-\d{2})?(?!\d)|\d{8}(?!\d)|(?!(?:SPOT|PERP|SWAP|FTS|FUTURES|OHLCV?)[-_])[A-Z0-9]{2,10}[-_](?:USDT|USDC|BUSD|USD|EUR|GBP|JPY|KRW|TRY|BTC|ETH)(?:-(?:SWAP|PERP))?(?![A-Za-z0-9])|[^\s_,;()[\]-]+/g;

const VENUES = new Set(
  'binance binanceus kraken coinbase gemini bitstamp bitfinex bybit okx okex kucoin huobi htx gateio mexc bitmex deribit poloniex bittrex cexio itbit exmo upbit bithumb nasdaq nyse cme eurex oanda fxcm dukascopy histdata'.split(
    ' ',
  ),
);

/** Words in names that are no symbols. */
const WORDS = new Set(
  'data dat rest api df ascii mt full bid ask mid ohlc ohlcv ohlcvt candles candlestick candlesticks bars bar klines kline history historical price prices quotes export download investing yahoo tradingview firstrate stooq intraday adjusted unadjusted adjsplit adjsplitdiv trade trades quote min minute minutes hour hourly day daily week weekly month monthly sample test all spot futures perp continuous csv us eod stock stocks crypto forex fx index indices m h d w utc est historicaldata historicalprices historicalquotes output result results dataset table chart marketdata timeseries aggs aggregates wiki chris sharadar us eu uk usa stk perp swap fts last mid db new my xnas xnys arcx bats xlon xetr xpar xams xtse xtks xhkg xasx xswx xshg xshe xnse xbom xcme xeur xmil xmad'.split(
    ' ',
  ),
);

/** Words for intervals that are no number and a unit. */
const INTERVAL_WORDS: Readonly<Record<string, number>> = {
  minute: 60,
  hour: 3600,
  hourly: 3600,
  daily: 86_400,
  day: 86_400,
  d: 86_400,
  h: 3600,
  weekly: 604_800,
  w: 604_800,
  monthly: 2_592_000,
  m1: 60,
  m5: 300,
  m15: 900,
  m30: 1800,
  h1: 3600,
  h4: 14_400,
  d1: 86_400,
  w1: 604_800,
  mn1: 2_592_000,
};

/** Of a path; `spacingS` is what the records say of the interval, or null; `inColumn`: a column holds the symbols. */
export function guessName(path: string, spacingS: number | null, inColumn = false): NameGuess {
  const [base, ending] = splitEnding(path);
  const tokens = [...base.matchAll(TOKEN)].map((match) => ({ text: match[0], at: match.index }));
  const isDate = (text: string): boolean =>
    /^\d{4}(?:[.-]?\d{2}){0,2}\d{0,6}$|^\d{2}\.\d{2}\.\d{4}$/.test(text);
  const interval = tokens
    .map(({ text, at }) => ({ text, at, seconds: secondsOf(text, spacingS) }))
    .findLast(({ seconds }) => seconds !== null);
  const venue = tokens.find(({ text }) => VENUES.has(text.toLowerCase()));
  const symbols = tokens.filter(({ text, at }) => {
    const word = text.toLowerCase();
    if (at === interval?.at || at === venue?.at || isDate(text) || WORDS.has(word)) return false;
    return /[a-z]/i.test(text) && text.length <= 24 && !/^\d+[a-z]{1,6}$/i.test(text);
  });
  // Capitals are a symbol, where what stands before them are words.
  const [first] = symbols;
  const isWord = first !== undefined && /^[a-z]+$/.test(first.text);
  const symbol = isWord ? (symbols.find(({ text }) => /^[A-Z0-9./_-]{2,}$/.test(text)) ?? first) : first;
  const folderVenue =
    path
      .toLowerCase()
      .split(/[/_.\s-]/)
      .find((word) => VENUES.has(word)) ?? null;
  const isPlain = interval !== undefined && intervalSeconds(interval.text) !== null;
  const pattern = tokens.reduceRight((text, token) => {
    let put: string | null = null;
    // As many parts as this one has, such as BTC_USDT.
    if (token.at === symbol?.at && !inColumn)
      put = `(?<symbol>${token.text
        .split('_')
        .map(() => '[^/\\s_,]+?')
        .join('_')})`;
    else if (token.at === interval?.at && isPlain) put = '(?<interval>\\d+[A-Za-z]+)';
    else if (token.at !== interval?.at && isDate(token.text)) put = '[\\d.-]+';
    const from = text.slice(0, token.at);
    return `${from}${put === null ? token.text : `\u0000${put}\u0000`}${text.slice(token.at + token.text.length)}`;
  }, base);
  return {
    symbol: symbol?.text ?? null,
    interval: interval === undefined ? null : { word: interval.text, seconds: interval.seconds! },
    venue: venue?.text.toLowerCase() ?? folderVenue,
    pattern: `(?:^|/)${escaped(pattern)}${escaped(ending)}$`,
    hasIntervalGroup: isPlain,
  };
}

/** A name without its folders and endings, and these. */
function splitEnding(path: string): readonly [string, string] {
  const base = path.slice(path.lastIndexOf('/') + 1).replace(/\.(?:gz|zst|zip)$/i, '');
  const match = /\.(?:csv|txt|tsv|dat|prn|asc|json)$/i.exec(base);
  return match === null ? [base, ''] : [base.slice(0, match.index), match[0]];
}

/** The seconds of a word for an interval; of a bare number, those of its minutes where the records are as far apart. */
function secondsOf(text: string, spacingS: number | null): number | null {
  const word = text.toLowerCase();
  const seconds = Object.hasOwn(INTERVAL_WORDS, word) ? INTERVAL_WORDS[word]! : intervalSeconds(text);
  if (seconds !== null) return spacingS === null || seconds === spacingS ? seconds : null;
  return /^\d{1,5}$/.test(text) && spacingS !== null && Number(text) * 60 === spacingS ? spacingS : null;
}

/** Text as part of a regular expression; what stands between NULs is one already. */
function escaped(text: string): string {
  return text
    .split('\u0000')
    .map((part, i) => (i % 2 === 1 ? part : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
    .join('');
}
