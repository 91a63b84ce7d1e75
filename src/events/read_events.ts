/**
 * Events out of a CSV file. Which of the layouts it has is told by its header:
 *
 * - Massive's splits (`ticker, execution_date, split_from, split_to`) and dividends (`ticker, ex_dividend_date,
 *   cash_amount`), as their REST API gives them: https://massive.com/docs/rest/stocks/corporate-actions.
 * - Yahoo's (`Date, Stock Splits` and `Date, Dividends`), and what yfinance writes of both. No symbol; amounts are of
 *   shares as later splits have left them.
 * - Our own: `venue, symbol, date, event, value` (docs/events.md).
 *
 * All of a file is read before anything is done with it, and the first thing wrong with it is said.
 */

import { parse } from 'csv-parse/sync';
import { BackhaulError } from '../faults/fault.ts';
import { type Dividend, dayOf, eventText, keyOfEvent, type MarketEvent, sameEvent } from './market_event.ts';

export type EventLayout = 'massive' | 'yahoo' | 'own';

/** What is said beside the file, for records that do not say it. */
export interface SaidOfEvents {
  readonly symbol: string | null;
  readonly venue: (layout: EventLayout) => string | null;
}

export interface EventFile {
  readonly layout: EventLayout;
  readonly events: readonly MarketEvent[];
  /** Records that say again what one before has said. */
  readonly repeated: number;
  /** What was said beside the file and counts for all of it: of other venues or symbols it says nothing. */
  readonly scope: EventScope;
}

/** Null: of any. */
export interface EventScope {
  readonly venue: string | null;
  readonly symbol: string | null;
}

/** What a column is for, by the names it goes by: of small letters and digits alone. */
const ROLES = {
  day: ['date', 'day', 'exdate', 'executiondate', 'exdividenddate'],
  venue: ['venue'],
  symbol: ['symbol', 'ticker'],
  event: ['event', 'kind', 'type'],
  value: ['value'],
  from: ['splitfrom'],
  to: ['splitto'],
  split: ['stocksplits', 'stocksplit', 'splits', 'split', 'ratio', 'splitratio'],
  dividend: ['dividends', 'dividend', 'cashamount', 'amount'],
  currency: ['currency'],
  newSymbol: ['newsymbol', 'newticker'],
} as const;

type Role = keyof typeof ROLES;

/** Beyond these nobody splits shares: it is another number. */
const MOST_RATIO = 1e6;
const LAYOUTS_TEXT =
  'ticker,execution_date,split_from,split_to · ticker,ex_dividend_date,cash_amount · Date,Stock Splits · Date,Dividends · venue,symbol,date,event,value';

/** One record: its line, and what stands under each role. */
interface EventRecord {
  readonly line: number;
  readonly at: (role: Role) => string;
}

/**
 * Reads the text of a file; `name` is how it is called in messages.
 * @throws BackhaulError `usage`, all in a line: no such header, a field that cannot be meant, two events of a kind for
 * a symbol and a day that differ, and a venue or symbol nobody says
 */
export function readEvents(text: string, name: string, said: SaidOfEvents): EventFile {
  const { roles, records } = recordsOf(text, name);
  const reader = new EventReader(name, layoutOf(name, roles), roles, said);
  const found = new Map<string, MarketEvent>();
  const seen = new Set<string>();
  let repeated = 0;
  for (const { record, fields, info } of records) {
    const at = (role: Role): string => (fields[roles.get(role) ?? -1] ?? '').trim();
    for (const event of reader.eventsOf({ line: info.lines, at })) {
      const key = keyOfEvent(event);
      const before = found.get(key);
      const isRepeated = before !== undefined && (seen.has(record) || sameEvent(before, event));
      if (before === undefined) found.set(key, event);
      else if (isRepeated) repeated++;
      else found.set(key, reader.together(before, event, info.lines));
    }
    seen.add(record);
  }
  const venue = roles.has('venue') ? null : said.venue(reader.layout);
  const symbol = roles.has('symbol') ? null : said.symbol;
  return { layout: reader.layout, events: [...found.values()], repeated, scope: { venue, symbol } };
}

interface ParsedRecord {
  readonly record: string;
  readonly fields: readonly string[];
  readonly info: { readonly lines: number };
}

function recordsOf(
  text: string,
  name: string,
): { readonly roles: ReadonlyMap<Role, number>; readonly records: readonly ParsedRecord[] } {
  const head =
    text
      .replace(/^\ufeff/, '')
      .trimStart()
      .split('\n', 1)[0] ?? '';
  const delimiter = [',', ';', '\t', '|'].find((one) => head.includes(one)) ?? ',';
  let rows: { record: string[]; raw: string; info: { lines: number } }[];
  try {
    rows = parse(text, {
      bom: true,
      delimiter,
      info: true,
      raw: true,
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as typeof rows;
  } catch (error) {
    throw wrong(`${name} is no CSV: ${(error as Error).message.split('\n', 1)[0]}`);
  }
  const header = rows[0];
  if (header === undefined) throw wrong(`${name} is empty`, LAYOUTS_TEXT);
  return {
    roles: rolesOf(header.record),
    records: rows
      .slice(1)
      .filter(({ record }) => record.some((field) => field.trim() !== ''))
      .map(({ record, raw, info }) => ({ record: raw.trim(), fields: record, info })),
  };
}

function rolesOf(header: readonly string[]): Map<Role, number> {
  const names = header.map((one) => one.toLowerCase().replace(/[^a-z0-9]/g, ''));
  const roles = new Map<Role, number>();
  for (const [role, words] of Object.entries(ROLES) as [Role, readonly string[]][]) {
    const at = words.map((word) => names.indexOf(word)).find((index) => index !== -1);
    if (at !== undefined) roles.set(role, at);
  }
  return roles;
}

function layoutOf(name: string, roles: ReadonlyMap<Role, number>): EventLayout {
  const has = (...wanted: readonly Role[]): boolean => wanted.every((role) => roles.has(role));
  if (has('day', 'event', 'value')) return 'own';
  if (has('symbol', 'day') && (has('from', 'to') || has('dividend') || has('split') || has('newSymbol')))
    return 'massive';
  if (has('day') && (has('split') || has('dividend'))) return 'yahoo';
  throw wrong(`${name} has no header of a file of events`, `one of ${LAYOUTS_TEXT}`);
}

class EventReader {
  readonly layout: EventLayout;
  readonly #name: string;
  readonly #roles: ReadonlyMap<Role, number>;
  readonly #said: SaidOfEvents;

  constructor(name: string, layout: EventLayout, roles: ReadonlyMap<Role, number>, said: SaidOfEvents) {
    this.#name = name;
    this.layout = layout;
    this.#roles = roles;
    this.#said = said;
  }

  eventsOf(record: EventRecord): MarketEvent[] {
    const dated = {
      venue: this.#named(record, 'venue'),
      symbol: this.#named(record, 'symbol'),
      day: this.#day(record),
    };
    if (this.layout === 'own') return [this.#own(record, dated)];
    const events: MarketEvent[] = [];
    // A file of both has zeros where there is nothing of the one.
    const isBoth = this.#roles.has('split') && this.#roles.has('dividend');
    const isNone = (role: Role): boolean =>
      !this.#roles.has(role) || (isBoth && (record.at(role) === '' || Number(record.at(role)) === 0));
    if (this.#roles.has('from') && this.#roles.has('to'))
      events.push({
        ...dated,
        kind: 'split',
        ratio: this.#ratioOf(record, `${record.at('to')}:${record.at('from')}`),
      });
    else if (!isNone('split'))
      events.push({ ...dated, kind: 'split', ratio: this.#ratioOf(record, record.at('split')) });
    if (!isNone('dividend')) events.push(this.#dividend(record, dated, record.at('dividend')));
    if (this.#roles.has('newSymbol')) events.push(this.#rename(record, dated, record.at('newSymbol')));
    return events;
  }

  /** Two different ones of a kind, symbol and day: dividends add up (a regular and a special one), others cannot both be. */
  together(a: MarketEvent, b: MarketEvent, line: number): MarketEvent {
    if (a.kind === 'dividend' && b.kind === 'dividend' && a.currency === b.currency)
      return { ...a, amount: a.amount + b.amount };
    throw this.#wrong(
      line,
      `${eventText(b)} of ${b.symbol}, where a record before has ${eventText(a)} on that day`,
    );
  }

  #own(
    record: EventRecord,
    dated: Omit<Dividend, 'kind' | 'amount' | 'currency' | 'isAdjusted'>,
  ): MarketEvent {
    const word = record.at('event').toLowerCase();
    const value = record.at('value');
    if (word === 'split') return { ...dated, kind: 'split', ratio: this.#ratioOf(record, value) };
    if (word === 'dividend') return this.#dividend(record, dated, value);
    if (word === 'rename') return this.#rename(record, dated, value);
    throw this.#wrong(record.line, `"${record.at('event')}" is no event`, 'split, dividend or rename');
  }

  #dividend(
    record: EventRecord,
    dated: Omit<Dividend, 'kind' | 'amount' | 'currency' | 'isAdjusted'>,
    text: string,
  ): Dividend {
    const amount = decimal(text);
    if (!(amount > 0))
      throw this.#wrong(record.line, `dividend "${text}"`, 'an amount of cash a share above 0');
    return {
      ...dated,
      kind: 'dividend',
      amount,
      currency: record.at('currency').toUpperCase() || null,
      isAdjusted: this.layout === 'yahoo',
    };
  }

  #rename(
    record: EventRecord,
    dated: Omit<Dividend, 'kind' | 'amount' | 'currency' | 'isAdjusted'>,
    newSymbol: string,
  ): MarketEvent {
    if (newSymbol === '' || newSymbol === dated.symbol)
      throw this.#wrong(record.line, `${dated.symbol} is renamed to "${newSymbol}"`, 'another symbol');
    return { ...dated, kind: 'rename', newSymbol: this.#fitting(record, newSymbol) };
  }

  #named(record: EventRecord, role: 'venue' | 'symbol'): string {
    const text = record.at(role);
    const said = (): string | null => (role === 'symbol' ? this.#said.symbol : this.#said.venue(this.layout));
    const name = text === '' ? said() : text;
    if (name === null)
      throw this.#wrong(record.line, `no ${role} is said`, `--${role} NAME, or a column ${role}`);
    return this.#fitting(record, name);
  }

  /** As long as symbols and venues may be, and of one line. */
  #fitting(record: EventRecord, name: string): string {
    if (Buffer.byteLength(name) > 64 || /[\p{Cc}/]/u.test(name))
      throw this.#wrong(record.line, `"${name.slice(0, 64)}" is no name`, 'at most 64 bytes without a slash');
    return name;
  }

  #day(record: EventRecord): number {
    const text = record.at('day');
    const day = dayOf(text);
    if (day === null) throw this.#wrong(record.line, `"${text}" is no day`, 'YYYY-MM-DD');
    return day;
  }

  /** `4:1`, `4/1`, `4-for-1` and `4`: four shares for one. */
  #ratioOf(record: EventRecord, text: string): number {
    const [, after = '', before = '1'] =
      /^([^:/a-z]+?)(?:\s*(?:[:/]|-?\s*for\s*-?)\s*([^:/a-z]+))?$/i.exec(text.trim()) ?? [];
    const ratio = decimal(after.trim()) / decimal(before.trim());
    if (!(ratio > 0 && ratio <= MOST_RATIO && ratio >= 1 / MOST_RATIO))
      throw this.#wrong(record.line, `split ratio "${text}"`, 'shares after for shares before, such as 4:1');
    return ratio;
  }

  #wrong(line: number, message: string, expected?: string): BackhaulError {
    return wrong(`${this.#name} line ${line}: ${message}`, expected);
  }
}

/** NaN for what is no plain decimal. */
function decimal(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}

function wrong(message: string, expected?: string): BackhaulError {
  return new BackhaulError({
    kind: 'usage',
    message: expected === undefined ? message : `${message}; expected ${expected}`,
  });
}
