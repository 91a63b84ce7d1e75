/** Asks an exchange's API: at its pace, again where it is busy, no more than so many bytes an answer. */

import pRetry from 'p-retry';
import { pause } from '../base/pause.ts';
import { BackhaulError, type Fault } from '../faults/fault.ts';

const TIMEOUT_MS = 30_000;
/** Between two tries at the most. */
const LONGEST_PAUSE_MS = 60_000;

/**
 * Requests a second each exchange allows, as it publishes them. Kraken: "calling the public endpoints at a frequency of 1
 * per second" stays within its limits, which count by address and pair (support.kraken.com, "What are the API rate
 * limits?").
 */
const API_RATES = { kraken: 1 } as const;
export type ApiVenue = keyof typeof API_RATES;

export interface ApiOptions {
  readonly venue: ApiVenue;
  /** `https://api.kraken.com` or a stand-in. */
  readonly baseUrl: string;
  readonly signal: AbortSignal;
  /** Between two requests; left out: as the exchange publishes it. */
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

export class ApiClient {
  readonly #options: ApiOptions;
  /** Between two requests, ms. */
  readonly paceMs: number;
  #nextAt = 0;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.paceMs = options.paceMs ?? 1000 / API_RATES[options.venue];
    if (!/^https?:\/\//i.test(options.baseUrl) || !URL.canParse(options.baseUrl))
      throw new BackhaulError({
        kind: 'usage',
        message: '--api-url is no address',
        expected: 'https://host, such as https://api.kraken.com',
        found: options.baseUrl,
      });
  }

  /** Address of an endpoint with its parameters. */
  address(path: string, parameters: Readonly<Record<string, string>>): URL {
    const url = new URL(path, this.#options.baseUrl.replace(/\/?$/, '/'));
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url;
  }

  /**
   * The text of an answer of at most `mostBytes`; a request that may pass is made `attempts` times.
   * @throws BackhaulError `network`, `timeout`, `unsupported` where it is refused, `limit`, `interrupted`
   */
  ask(url: URL, attempts: number, mostBytes: number): Promise<string> {
    return pRetry((attempt) => this.#try(url, attempt, mostBytes), {
      retries: attempts - 1,
      // The pause is the pace's, which later requests keep to as well.
      minTimeout: 0,
      shouldRetry: ({ error }) => error instanceof BackhaulError && error.fault.kind === 'network',
    });
  }

  async #try(url: URL, attempt: number, mostBytes: number): Promise<string> {
    await this.#turn(attempt);
    const began = performance.now();
    const { text, status } = await this.#fetch(url, mostBytes);
    this.#options.onRequest?.({
      host: url.hostname,
      seconds: (performance.now() - began) / 1000,
      status,
      fault: typeof text === 'string' ? null : text,
    });
    if (typeof text === 'string') return text;
    throw new BackhaulError({ ...text, where: { uri: url.href } });
  }

  /** Waits for the next request's time; the wait doubles with each refusal. */
  async #turn(attempt: number): Promise<void> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    const wait = this.#nextAt - performance.now();
    if (wait > 0) await pause(wait, signal);
    signal.throwIfAborted();
    this.#nextAt = performance.now() + Math.min(LONGEST_PAUSE_MS, (this.paceMs * 2 ** attempt) / 2);
  }

  /** The answer's text, or why there is none; `network` faults may pass. */
  async #fetch(
    url: URL,
    mostBytes: number,
  ): Promise<{ readonly text: string | Fault; readonly status: number | null }> {
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
      const text = await bounded(response, mostBytes);
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
async function bounded(response: Response, mostBytes: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.length;
    if (size > mostBytes)
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
