/**
 * Kraken's public OHLC endpoint (docs.kraken.com, "Get OHLC Data"): the latest 720 candles of a pair, whatever `since`
 * says, the last of them unfinished. `{"error":[],"result":{"XXBTZUSD":[[time,"open","high","low","close","vwap",
 * "volume",count],…],"last":…}}`, times in seconds.
 */

import { z } from 'zod';
import { pause } from '../base/pause.ts';
import { BackhaulError, type Fault } from '../faults/fault.ts';
import { API_REACH, KRAKEN_API } from './find.ts';

/** Entries of a full answer: there may be older candles that it does not tell of. */
const FULL_ANSWER = 720;
const LONGEST_ANSWER_BYTES = 4 << 20;
const TIMEOUT_MS = 30_000;
/** Public endpoints take about one request a second. */
const PACE_MS = 1_000;
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

const decimal = z.string().regex(/^\d+(\.\d+)?$/);
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
const answer = z.object({
  error: z.array(z.string()),
  result: z.record(z.string(), z.unknown()).optional(),
});

export interface KrakenApiOptions {
  /** `https://api.kraken.com` or a stand-in. */
  readonly baseUrl: string;
  readonly signal: AbortSignal;
  /** Between two requests; a stand-in needs no second. */
  readonly paceMs?: number;
  /** Hears of each request when it has been answered, or will not be. */
  readonly onRequest?: (request: ApiRequest) => void;
}

/** One request: how long it took, its HTTP status (null: no answer), and what was wrong with it. */
export interface ApiRequest {
  readonly host: string;
  readonly seconds: number;
  readonly status: number | null;
  readonly fault: Fault | null;
}

/** Asks for candles, one request a second. */
export class KrakenApi {
  readonly #options: KrakenApiOptions;
  #nextAt = 0;

  constructor(options: KrakenApiOptions) {
    this.#options = options;
    if (!/^https?:\/\//i.test(options.baseUrl) || !URL.canParse(options.baseUrl))
      throw new BackhaulError({
        kind: 'usage',
        message: '--api-url is no address',
        expected: `https://host, such as ${KRAKEN_API}`,
        found: options.baseUrl,
      });
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
    const url = new URL('0/public/OHLC', this.#options.baseUrl.replace(/\/?$/, '/'));
    url.searchParams.set('pair', pair);
    url.searchParams.set('interval', String(intervalS / 60));
    // `since` itself is left out of the answer.
    url.searchParams.set('since', String(Math.floor(fromUs / 1e6) - 1));
    const text = await this.#ask(url);
    return { uri: url.href, sizeBytes: Buffer.byteLength(text), ...read(text, url.href, intervalS, fromUs) };
  }

  async #ask(url: URL): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      await this.#turn(attempt);
      const began = performance.now();
      const { text, status } = await this.#fetch(url);
      this.#options.onRequest?.({
        host: url.hostname,
        seconds: (performance.now() - began) / 1000,
        status,
        fault: typeof text === 'string' ? null : text,
      });
      if (typeof text === 'string') return text;
      if (text.kind === 'network' && attempt < ATTEMPTS) continue;
      throw new BackhaulError({ ...text, where: { uri: url.href } });
    }
  }

  /** Waits for the next request's time; the wait doubles with each refusal. */
  async #turn(attempt: number): Promise<void> {
    const { paceMs = PACE_MS, signal } = this.#options;
    signal.throwIfAborted();
    const wait = this.#nextAt - performance.now();
    if (wait > 0) await pause(wait, signal);
    signal.throwIfAborted();
    this.#nextAt = performance.now() + (paceMs * 2 ** attempt) / 2;
  }

  /** The answer's text, or why there is none; `network` faults may pass. */
  async #fetch(url: URL): Promise<{ readonly text: string | Fault; readonly status: number | null }> {
    const { signal } = this.#options;
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    let status: number | null = null;
    const fault = (text: Fault): { text: Fault; status: number | null } => ({ text, status });
    try {
      const response = await fetch(url, {
        signal: AbortSignal.any([signal, timeout]),
        headers: { accept: 'application/json', 'user-agent': 'backhaul' },
      });
      status = response.status;
      const text = await bounded(response);
      if (status === 429 || status >= 500)
        return fault({ kind: 'network', message: 'the API is busy', code: String(status) });
      if (!response.ok)
        return fault({ kind: 'unsupported', message: 'the API refuses', code: String(status) });
      if (busy(text)) return fault({ kind: 'network', message: 'the API asks for fewer requests' });
      return { text, status };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (timeout.aborted) return fault({ kind: 'timeout', message: 'the API does not answer' });
      if (error instanceof BackhaulError) return fault(error.fault);
      const cause = (error as { cause?: { code?: string } }).cause?.code;
      return fault({
        kind: 'network',
        message: 'the API cannot be reached',
        ...(cause === undefined ? {} : { code: cause }),
      });
    }
  }
}

/** The text of an answer, at most so long: what serves us may be anybody. */
async function bounded(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.length;
    if (size > LONGEST_ANSWER_BYTES)
      throw new BackhaulError({ kind: 'limit', message: 'the answer of the API is too long' });
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function busy(text: string): boolean {
  return /"(EAPI:Rate limit exceeded|EGeneral:Too many requests|EService:(Unavailable|Busy|Throttled)[^"]*)"/.test(
    text,
  );
}

/** Reads an answer; `fromUs` is what was asked for. */
function read(
  text: string,
  uri: string,
  intervalS: number,
  fromUs: number,
): Pick<CandleAnswer, 'candles' | 'told'> {
  const { error, result } = parse(text, uri);
  if (error.length > 0)
    throw new BackhaulError({
      kind: 'unsupported',
      message: `the API refuses: ${error.join(', ')}`,
      where: { uri },
    });
  const lists = Object.entries(result ?? {}).filter(([key]) => key !== 'last');
  const rows = lists.length === 1 ? z.array(row).safeParse(lists[0]![1]) : null;
  if (rows === null || !rows.success) throw strange(uri, 'one list of candles');
  const all = rows.data.map(candleOf);
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

function parse(text: string, uri: string): z.output<typeof answer> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw strange(uri, 'JSON');
  }
  const parsed = answer.safeParse(json);
  if (!parsed.success) throw strange(uri, '{"error":[…],"result":{…}}');
  return parsed.data;
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

function strange(uri: string, expected: string): BackhaulError {
  return new BackhaulError({
    kind: 'corrupt',
    message: 'the answer of the API has another shape',
    expected,
    where: { uri },
  });
}
