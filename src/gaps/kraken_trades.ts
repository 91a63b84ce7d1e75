/**
 * Kraken's public Trades endpoint (docs.kraken.com, "Get Recent Trades"): at most 1,000 trades of a pair behind `since`,
 * nanoseconds since 1970, oldest first, back to its first trade. `{"error":[],"result":{"XXBTZUSD":[["30243.40000",
 * "0.34507674",1688669597.8277369,"b","m","",61044952],…],"last":"1688671969993150842"}}`: price, volume, seconds, side,
 * kind, text and number of each; `last` is the `since` of the next page.
 */

import { z } from 'zod';
import { BarColumns } from '../bars/columns.ts';
import { ApiClient, type ApiOptions } from './api_client.ts';
import { decimal, digits, listIn, strange } from './kraken_answer.ts';

/** Trades of a full page. */
export const PAGE_TRADES = 1_000;
const LONGEST_ANSWER_BYTES = 4 << 20;
/** A walk takes hours: what fails for minutes shall not end it. */
const ATTEMPTS = 10;

/** A page of trades, in the order of time. */
export interface TradePage {
  readonly uri: string;
  readonly sizeBytes: number;
  /** As `TradeBars` takes them: instants, prices, volumes. */
  readonly trades: BarColumns;
  /** Every trade before this instant has been told, µs. */
  readonly toldUs: number;
  /** The range asked for is told to its end, or to the present. */
  readonly isLast: boolean;
}

/** Seconds keep their digits: as a double the last of a bar could become the first of the next. */
const stamp = z.string().regex(/^\d{1,10}(\.\d+)?$/);
const trade = z.tuple([decimal, decimal, stamp]).rest(z.unknown());

/** What is not told yet may be on its way: an exchange shows a trade a moment after it was made. */
const SETTLING_US = 5_000_000;

export class KrakenTrades {
  readonly #client: ApiClient;

  constructor(options: Omit<ApiOptions, 'venue'>) {
    this.#client = new ApiClient({ ...options, venue: 'kraken' });
  }

  /** Between two requests, ms. */
  get paceMs(): number {
    return this.#client.paceMs;
  }

  /**
   * The pages of a pair's trades in `[fromUs, toUs)`, one after another, each as it comes.
   * @throws BackhaulError `unsupported` for a pair the exchange does not serve, `network`, `timeout`, `corrupt` for an
   * answer of another shape, `interrupted`
   */
  async *pages(pair: string, fromUs: number, toUs: number): AsyncGenerator<TradePage> {
    let since = BigInt(fromUs) * 1000n - 1n;
    let toldUs = fromUs;
    let before: ReadonlySet<string> = new Set();
    for (;;) {
      const url = this.#client.address('0/public/Trades', {
        pair,
        since: String(since),
        count: String(PAGE_TRADES),
      });
      const askedUs = Date.now() * 1000;
      const text = await this.#client.ask(url, ATTEMPTS, LONGEST_ANSWER_BYTES);
      const { rows, last } = read(text, url.href);
      // The next page is asked for from a nanosecond before where this one ended, so that it does not matter whether
      // that instant is in it: trades that were told already are known by their number.
      const fresh = rows.filter(({ id }) => id === null || !before.has(id));
      const trades = columnsOf(fresh, toldUs, url.href);
      const isEmpty = fresh.length === 0;
      if (!isEmpty) toldUs = fresh.at(-1)!.us;
      const isLast = isEmpty || toldUs >= toUs;
      if (isEmpty) toldUs = Math.max(toldUs, Math.min(toUs, askedUs - SETTLING_US));
      yield {
        uri: url.href,
        sizeBytes: Buffer.byteLength(text),
        trades,
        toldUs: Math.min(toldUs, toUs),
        isLast,
      };
      if (isLast) return;
      const known = rows.every(({ id }) => id !== null);
      const next = known && last - 1n > since ? last - 1n : last;
      if (next <= since) throw strange(url.href, 'a "last" behind the "since" that was asked for');
      before = new Set(rows.flatMap(({ id }) => (id === null ? [] : [id])));
      since = next;
    }
  }
}

interface Trade {
  readonly us: number;
  readonly price: number;
  readonly volume: number;
  /** Its number; null where the answer has none. */
  readonly id: string | null;
}

function read(text: string, uri: string): { readonly rows: readonly Trade[]; readonly last: bigint } {
  const expected = 'one list of trades, and "last" in nanoseconds';
  const { rows, last } = listIn(text, uri, trade, expected, digits);
  const end = String(last ?? '');
  if (!/^\d{1,20}$/.test(end)) throw strange(uri, expected);
  return { rows: rows.map(tradeOf), last: BigInt(end) };
}

function tradeOf([price, volume, time, , , , id]: z.output<typeof trade>): Trade {
  const [seconds = '', fraction = ''] = time.split('.');
  return {
    us: Number(seconds) * 1e6 + Number(fraction.slice(0, 6).padEnd(6, '0')),
    price: Number(price),
    volume: Number(volume),
    id: typeof id === 'string' && /^\d+$/.test(id) ? id : null,
  };
}

function columnsOf(trades: readonly Trade[], fromUs: number, uri: string): BarColumns {
  const cols = new BarColumns(Math.max(1, trades.length), false);
  let at = fromUs;
  for (const { us, price, volume } of trades) {
    if (us < at) throw strange(uri, 'trades behind "since", in the order of time');
    if (!(price > 0)) throw strange(uri, 'prices above 0');
    at = us;
    const row = cols.length++;
    cols.ts[row] = us;
    cols.open[row] = price;
    cols.volume[row] = volume;
    cols.trades[row] = 1;
  }
  return cols;
}
