/**
 * Kraken's public OHLC endpoint (docs.kraken.com, "Get OHLC Data"): the latest 720 candles of a pair, whatever `since`
 * says, the last of them unfinished. `{"error":[],"result":{"XXBTZUSD":[[time,"open","high","low","close","vwap",
 * "volume",count],…],"last":…}}`, times in seconds.
 */

import { z } from 'zod';
import { BackhaulError } from '../faults/fault.ts';
import { ApiClient, type ApiOptions } from './api_client.ts';
import { API_REACH } from './find_holes.ts';
import { decimal, listIn, strange } from './kraken_answer.ts';

/** Entries of a full answer: there may be older candles that it does not tell of. */
const FULL_ANSWER = 720;
const LONGEST_ANSWER_BYTES = 4 << 20;
const ATTEMPTS = 4;

export interface Candle {
  readonly tsUs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  readonly trades: number;
}

export interface CandleAnswer {
  /** Address of the request, with its parameters. */
  readonly uri: string;
  readonly sizeBytes: number;
  /** Finished candles in which there was a trade, oldest first: the flat files have no others. */
  readonly candles: readonly Candle[];
  /** What the answer tells all of, µs: up to the unfinished candle. Null where it holds none. */
  readonly told: { readonly fromUs: number; readonly toUs: number } | null;
}

const row = z.tuple([
  z.int().positive(),
  decimal,
  decimal,
  decimal,
  decimal,
  decimal,
  decimal,
  z.int().min(0),
]);
/** Asks for candles. */
export class KrakenApi {
  readonly #client: ApiClient;

  constructor(options: Omit<ApiOptions, 'venue'>) {
    this.#client = new ApiClient({ ...options, venue: 'kraken' });
  }

  /**
   * The candles of a pair from `fromUs` on, as far as they are served.
   * @throws BackhaulError `unsupported` for an interval or a pair the exchange does not serve, `network`, `timeout`,
   * `corrupt` for an answer of another shape
   */
  async candles(pair: string, intervalS: number, fromUs: number): Promise<CandleAnswer> {
    if (!API_REACH.some((one) => one.venue === 'kraken' && one.intervalS === intervalS))
      throw new BackhaulError({
        kind: 'unsupported',
        message: `Kraken's API has no candles of ${intervalS / 60} minutes`,
        hint: 'fill the gap from a file',
      });
    const url = this.#client.address('0/public/OHLC', {
      pair,
      interval: String(intervalS / 60),
      // `since` itself is left out of the answer.
      since: String(Math.floor(fromUs / 1e6) - 1),
    });
    const text = await this.#client.ask(url, ATTEMPTS, LONGEST_ANSWER_BYTES);
    return { uri: url.href, sizeBytes: Buffer.byteLength(text), ...read(text, url.href, intervalS, fromUs) };
  }
}

/** Reads an answer; `fromUs` is what was asked for. */
function read(
  text: string,
  uri: string,
  intervalS: number,
  fromUs: number,
): Pick<CandleAnswer, 'candles' | 'told'> {
  const { rows } = listIn(text, uri, row, 'one list of candles');
  const all = rows.map(candleOf);
  if (
    all.some(
      (candle, i) => candle.tsUs % (intervalS * 1e6) !== 0 || (i > 0 && candle.tsUs <= all[i - 1]!.tsUs),
    )
  )
    throw strange(uri, 'candles on their grid, in the order of time');
  if (!all.every(isSound)) throw strange(uri, 'prices above 0, with high and low around open and close');
  // The last one is still being traded.
  const unfinished = all.pop();
  if (unfinished === undefined) return { candles: [], told: null };
  const oldest = all[0]?.tsUs ?? unfinished.tsUs;
  // A full answer begins where it must; a shorter one goes back to where it was asked to.
  const toldFrom = all.length + 1 >= FULL_ANSWER ? Math.max(fromUs, oldest) : fromUs;
  return {
    candles: all.filter((candle) => candle.trades > 0 && candle.tsUs >= fromUs),
    told: toldFrom < unfinished.tsUs ? { fromUs: toldFrom, toUs: unfinished.tsUs } : null,
  };
}

function candleOf([time, open, high, low, close, , volume, count]: z.output<typeof row>): Candle {
  return {
    tsUs: time * 1e6,
    open: Number(open),
    high: Number(high),
    low: Number(low),
    close: Number(close),
    volume: Number(volume),
    trades: count,
  };
}

function isSound({ open, high, low, close, trades }: Candle): boolean {
  return trades === 0 || (low > 0 && low <= Math.min(open, close) && high >= Math.max(open, close));
}
