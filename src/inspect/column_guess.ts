/** Which column is what, by the names of the header and by what the numbers say of each other. */

import { normaliseName } from '../scan/header.ts';
import type { NumberStyle } from '../scan/shape.ts';
import { isColumnName, rankOf, type WordRole } from './column_words.ts';
import { guessNumbers, isFixedPoint, numberReader } from './number_guess.ts';
import { type Guess, isNumberish, type Table } from './table_guess.ts';
import { guessTime, type TimeGuess } from './time_guess.ts';

export interface ColumnsGuess {
  readonly time: TimeGuess;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  /** -1 for none. */
  readonly volume: number;
  /** Where no name says volume: the first column of an unknown name that may be one; -1 for none. */
  readonly maybeVolume: number;
  readonly trades: number;
  readonly symbol: number;
  readonly why: string;
  readonly numbers: Guess<NumberStyle> | null;
  readonly prices: Guess<'any'> | null;
  readonly volumes: Guess<'optional' | 'none'> | null;
  /** Records that have prices. */
  readonly bars: readonly (readonly string[])[];
}

type Prices = Pick<ColumnsGuess, 'open' | 'high' | 'low' | 'close'>;

/** Of the records, so many must have a high that is one, and a low. */
const NEARLY_ALL = 0.98;

/** Null where no stamps, or no prices, are found. `base`: of the symbol, where the name tells it. */
export function guessColumns(table: Table, symbol: string | null): ColumnsGuess | null {
  const { records } = table;
  const bars = records.filter((record) => record.filter(isNumberish).length >= 4);
  if (bars.length === 0) return null;
  const header = wholeHeader(table.header, bars);
  const byName = (role: WordRole): number[] => (header === null ? [] : columnsNamed(header, role));
  const [day] = byName('date');
  const ofDay =
    header === null
      ? timeOfDayOf(bars, 0)
      : header.findIndex((name) =>
          /^<?(?:time(?:_of_day)?|uhrzeit|zeit|hora|heure|ora)>?$/i.test(name.trim()),
        );
  const isInTwo =
    ofDay > 0 &&
    (header === null || day !== undefined) &&
    bars.every((bar) => /^\d{1,2}:?\d{2}|^\d{6}$/.test(bar[ofDay] ?? ''));
  const order = [...byName('time'), ...byName('date'), ...bars[0]!.keys()];
  const time = guessTime(bars, header, [...new Set(order)], isInTwo ? [day ?? 0, ofDay] : null);
  if (time === null) return null;
  const numeric = [...bars[0]!.keys()].filter(
    (at) => !time.at.includes(at) && share(bars, at) >= NEARLY_ALL / 2,
  );
  const style = guessNumbers(numeric.flatMap((at) => bars.map((bar) => bar[at]!).filter(isNumberish)));
  const read = numberReader(style?.value ?? null);
  const values = numeric.map((at) => ({ at, numbers: bars.map((bar) => read(bar[at] ?? '')) }));
  const numbersAt = (at: number): readonly number[] => values.find((one) => one.at === at)?.numbers ?? [];
  const named = header === null ? null : namedPrices(byName, numbersAt);
  const prices = named ?? pricesByNumbers(values, bars);
  if (prices === null) return null;
  const all = [prices.open, prices.high, prices.low, prices.close];
  const rest = numeric.filter((at) => !all.includes(at));
  const volume =
    header === null
      ? (rest.find((at) => at > Math.max(...all) && numbersAt(at).every((one) => !(one < 0))) ?? -1)
      : (volumeOf(
          header,
          traded(
            byName('volume').filter((at) => !all.includes(at)),
            numbersAt,
          ),
          symbol,
        ) ?? -1);
  const trades =
    header === null
      ? countBehind(volume, rest, numbersAt)
      : (byName('trades').find((at) => at !== volume && rest.includes(at)) ?? -1);
  const maybeVolume =
    header === null || volume >= 0
      ? -1
      : (rest.find((at) => !isColumnName(header[at] ?? '') && numbersAt(at).every((one) => one >= 0)) ?? -1);
  const found = all.flatMap(numbersAt);
  const fixed = isFixedPoint(found);
  return {
    time,
    ...prices,
    volume,
    maybeVolume,
    trades,
    symbol: symbolColumn(header, bars, byName('symbol'), time.at, numeric, symbol),
    why:
      named !== null
        ? 'by the names of the header'
        : `in ${bars.length} records high is the largest of the four and low the least`,
    numbers: fixed
      ? {
          value: { decimal: '.', thousands: null, suffixes: false, scale: -9 },
          why: `prices such as ${bars[0]![prices.close]} are whole multiples of a billionth`,
        }
      : style,
    prices: found.some((price) => price <= 0) ? { value: 'any', why: 'some prices are zero or below' } : null,
    volumes: volumesOf(bars, volume, numbersAt),
    bars,
  };
}

/** A header that has one name for a day and a time of day has one too few. */
function wholeHeader(
  header: readonly string[] | null,
  bars: readonly (readonly string[])[],
): readonly string[] | null {
  if (header === null || header.length !== bars[0]!.length - 1 || timeOfDayOf(bars, 0) !== 1) return header;
  return [header[0]!, 'time', ...header.slice(1)];
}

function columnsNamed(header: readonly string[], role: WordRole): number[] {
  return header
    .map((name, at) => ({ at, rank: rankOf(name, role) }))
    .filter(({ rank }) => rank >= 0)
    .sort((a, b) => a.rank - b.rank || a.at - b.at)
    .map(({ at }) => at);
}

/** The field beside a day that is a time of day; -1 where none is. */
function timeOfDayOf(bars: readonly (readonly string[])[], from: number): number {
  const at = [from + 1, from + 2, from + 3].find((one) =>
    bars.every((bar) => /^\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?$|^\d{6}$/.test(bar[one] ?? '')),
  );
  const hasDay = bars.every((bar) =>
    /^\d{4}[./-]?\d{1,2}[./-]?\d{1,2}$|^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}$/.test(bar[from] ?? ''),
  );
  return at !== undefined && hasDay ? at : -1;
}

/** The share of records whose field may be a number. */
function share(bars: readonly (readonly string[])[], at: number): number {
  return bars.filter((bar) => isNumberish(bar[at] ?? '')).length / bars.length;
}

function namedPrices(
  byName: (role: WordRole) => readonly number[],
  numbersAt: (at: number) => readonly number[],
): Prices | null {
  const [open, high, low, close] = (['open', 'high', 'low', 'close'] as const).map(
    (role) => byName(role)[0] ?? -1,
  );
  if (Math.min(open!, high!, low!, close!) < 0) return null;
  const prices = { open: open!, high: high!, low: low!, close: close! };
  return isBar([numbersAt(open!), numbersAt(high!), numbersAt(low!), numbersAt(close!)]) ? prices : null;
}

/** Whether the second of four is nearly always the largest, and the third the least. */
function isBar([opens, highs, lows, closes]: readonly (readonly number[])[]): boolean {
  const count = highs!.length;
  const good = highs!.filter((high, i) => {
    const [open, low, close] = [opens![i]!, lows![i]!, closes![i]!];
    return Number.isNaN(high) || (high >= Math.max(open, close) && low <= Math.min(open, close));
  }).length;
  return count > 0 && good >= NEARLY_ALL * count - 1;
}

/** Four neighbouring columns of which one is nearly always the largest, and one the least. */
function pricesByNumbers(
  values: readonly { readonly at: number; readonly numbers: readonly number[] }[],
  bars: readonly (readonly string[])[],
): Prices | null {
  for (let first = 0; first + 4 <= values.length; first++) {
    const four = values.slice(first, first + 4);
    if (four.some(({ at }, i) => at !== four[0]!.at + i)) continue;
    for (const [high, low] of [
      [1, 2],
      [2, 3],
      [1, 3],
      [2, 1],
      [3, 2],
      [0, 1],
    ] as const) {
      const [one, two] = [0, 1, 2, 3].filter((i) => i !== high && i !== low);
      const at = (i: number): readonly number[] => four[i]!.numbers;
      if (!isBar([at(one!), at(high), at(low), at(two!)])) continue;
      const [open, close] = follows(at(one!), at(two!), bars.length) ? [one!, two!] : [two!, one!];
      const place = (i: number): number => four[i]!.at;
      return { open: place(open), high: place(high), low: place(low), close: place(close) };
    }
  }
  return null;
}

/** Whether each of `opens` is nearer to the one of `closes` before it than the other way round. */
function follows(opens: readonly number[], closes: readonly number[], count: number): boolean {
  let forward = 0;
  let back = 0;
  for (let i = 1; i < count; i++) {
    forward += Math.abs(opens[i]! - closes[i - 1]!);
    back += Math.abs(closes[i]! - opens[i - 1]!);
  }
  // A file that runs backward is the same the other way: open stands before close with everybody.
  return !(forward > 4 * back) || back === 0;
}

/** Columns of volumes, those that are 0 throughout last: a market without trades counts ticks. */
function traded(columns: readonly number[], numbersAt: (at: number) => readonly number[]): readonly number[] {
  const isIdle = (at: number): boolean => numbersAt(at).every((one) => one === 0);
  return [...columns.filter((at) => !isIdle(at)), ...columns.filter(isIdle)];
}

/** Of the columns of volumes that of the base currency, or the first. */
function volumeOf(
  header: readonly string[],
  columns: readonly number[],
  symbol: string | null,
): number | undefined {
  const base = columns.find((at) => {
    const currency = /^vol(?:ume)?_([a-z0-9]+)$/.exec(normaliseName(header[at]!))?.[1];
    return currency !== undefined && symbol?.toLowerCase().startsWith(currency) === true;
  });
  return base ?? columns[0];
}

/** The column of symbols; -1 where there is none, or it holds but one thing that is no symbol. */
function symbolColumn(
  header: readonly string[] | null,
  bars: readonly (readonly string[])[],
  named: readonly number[],
  time: readonly number[],
  numeric: readonly number[],
  inName: string | null,
): number {
  const [first] = named.filter((at) => bars.every((bar) => bar[at] !== ''));
  if (first !== undefined) {
    // Of one symbol, the name of the file may have it as it is asked for: BTCUSD for BTC/USD.
    const plain = bars[0]![first]!.replace(/[/]/g, '');
    const isOne = bars.every((bar) => bar[first] === bars[0]![first]);
    return isOne && bars[0]![first] !== plain && plain === inName ? -1 : first;
  }
  if (header !== null) return -1;
  const texts = [...bars[0]!.keys()].filter((at) => !time.includes(at) && !numeric.includes(at));
  return texts.find((at) => bars.every((bar) => /^[A-Za-z0-9.:/_^=-]{1,32}$/.test(bar[at] ?? ''))) ?? -1;
}

/** The one column of whole numbers behind a volume of fractions: how many trades made it. -1 where there is none. */
function countBehind(
  volume: number,
  rest: readonly number[],
  numbersAt: (at: number) => readonly number[],
): number {
  const behind = rest.filter((at) => at > volume);
  if (volume < 0 || behind.length !== 1 || numbersAt(volume).every(Number.isInteger)) return -1;
  return numbersAt(behind[0]!).every((one) => Number.isInteger(one) && one >= 0) ? behind[0]! : -1;
}

function volumesOf(
  bars: readonly (readonly string[])[],
  volume: number,
  numbersAt: (at: number) => readonly number[],
): Guess<'optional' | 'none'> | null {
  if (volume < 0) return null;
  const missing = bars.filter((bar) => !isNumberish(bar[volume] ?? '')).length;
  if (missing > 0) return { value: 'optional', why: `${missing} of ${bars.length} records have none` };
  return bars.length > 1 && numbersAt(volume).every((one) => one === 0)
    ? { value: 'none', why: 'it is 0 in every record looked at' }
    : null;
}
