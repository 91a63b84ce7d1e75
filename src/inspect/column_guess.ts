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
  const byNumbers = named === null ? pricesByNumbers(values, time.isBackward) : null;
  const prices = named ?? byNumbers;
  if (prices === null) return null;
  const all = [prices.open, prices.high, prices.low, prices.close];
  const rest = numeric.filter((at) => !all.includes(at));
  const [lows, highs] = [numbersAt(prices.low), numbersAt(prices.high)];
  const volume =
    header === null
      ? volumeBehind(
          rest.filter((at) => at > Math.max(...all) && !isWithin(numbersAt(at), lows, highs)),
          numbersAt,
          numbersAt(prices.close),
        )
      : (volumeOf(
          header,
          traded(
            byName('volume').filter((at) => !all.includes(at)),
            numbersAt,
          ),
          symbol,
          (values, volumes) => isWorth(numbersAt(values), numbersAt(volumes), numbersAt(prices.close)),
        ) ?? -1);
  const trades =
    header === null
      ? countBehind(volume, rest, numbersAt, numbersAt(prices.close))
      : (byName('trades').find((at) => at !== volume && rest.includes(at)) ?? -1);
  // A close of the day before is near the prices of the day.
  const isLikePrices = (at: number): boolean =>
    isWithin(
      numbersAt(at),
      lows.map((low) => low / 2),
      highs.map((high) => 2 * high),
    );
  const maybeVolume =
    header === null || volume >= 0
      ? -1
      : (rest.find(
          (at) =>
            !isColumnName(header[at] ?? '') && numbersAt(at).every((one) => one >= 0) && !isLikePrices(at),
        ) ?? -1);
  const found = all.flatMap(numbersAt);
  const fixed = isFixedPoint(found);
  return {
    time,
    open: prices.open,
    high: prices.high,
    low: prices.low,
    close: prices.close,
    volume,
    maybeVolume,
    trades,
    symbol: symbolColumn(header, bars, byName('symbol'), time.at, numeric, symbol),
    why:
      named !== null
        ? 'by the names of the header'
        : `in ${bars.length} records high is the largest of the four and low the least; ${
            byNumbers?.isOpenSeen === true
              ? 'each opens near where the one before it has closed'
              : 'CHECK: nothing tells open and close apart, and open is mostly written first'
          }`,
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

/** The places of high and low among four prices, those that vendors have most first: flat bars fit several. */
const HIGH_LOW = [
  ...[
    [1, 2],
    [2, 3],
    [1, 3],
    [2, 1],
    [3, 2],
    [0, 1],
  ],
  ...[
    [1, 0],
    [3, 1],
    [0, 2],
    [2, 0],
    [0, 3],
    [3, 0],
  ],
] as const;

interface ByNumbers extends Prices {
  /** The bars tell which of the two is the open, not only that vendors mostly write it first. */
  readonly isOpenSeen: boolean;
}

/** Four neighbouring columns of which one is nearly always the largest, and one the least; of one kind, all prices. */
function pricesByNumbers(
  values: readonly { readonly at: number; readonly numbers: readonly number[] }[],
  isBackward: boolean,
): ByNumbers | null {
  return fourOf(values, isBackward, true) ?? fourOf(values, isBackward, false);
}

function fourOf(
  values: readonly { readonly at: number; readonly numbers: readonly number[] }[],
  isBackward: boolean,
  mustBeNear: boolean,
): ByNumbers | null {
  for (let first = 0; first + 4 <= values.length; first++) {
    const four = values.slice(first, first + 4);
    if (four.some(({ at }, i) => at !== four[0]!.at + i)) continue;
    for (const [high, low] of HIGH_LOW) {
      const [one, two] = [0, 1, 2, 3].filter((i) => i !== high && i !== low);
      const at = (i: number): readonly number[] => four[i]!.numbers;
      if (!isBar([at(one!), at(high!), at(low!), at(two!)])) continue;
      if (mustBeNear && !isNear(at(high!), at(low!))) continue;
      const isFirst = isFollowedBy(at(one!), at(two!), isBackward);
      const [open, close] = isFirst === false ? [two!, one!] : [one!, two!];
      const place = (i: number): number => four[i]!.at;
      return {
        open: place(open),
        high: place(high!),
        low: place(low!),
        close: place(close),
        isOpenSeen: isFirst !== null,
      };
    }
  }
  return null;
}

/** A volume beside prices is the largest of four, too: highs are no multiples of lows in half of the bars. */
function isNear(highs: readonly number[], lows: readonly number[]): boolean {
  const far = highs.filter((high, i) => lows[i]! > 0 && high > 3 * lows[i]!).length;
  return 2 * far < highs.length;
}

/**
 * Whether the first of two columns is the open and the second the close: a market opens near where it has closed. Null
 * where both are as likely. `isBackward`: the newest bar stands first.
 */
function isFollowedBy(
  first: readonly number[],
  second: readonly number[],
  isBackward: boolean,
): boolean | null {
  let forward = 0;
  let back = 0;
  for (let i = 1; i < first.length; i++) {
    const [before, after] = isBackward ? [i, i - 1] : [i - 1, i];
    const [way, otherWay] = [first[after]! - second[before]!, second[after]! - first[before]!];
    if (Number.isNaN(way) || Number.isNaN(otherWay)) continue;
    forward += Math.abs(way);
    back += Math.abs(otherWay);
  }
  if (2 * forward < back) return true;
  return 2 * back < forward ? false : null;
}

/** Columns of volumes, those that are 0 throughout last: a market without trades counts ticks. */
function traded(columns: readonly number[], numbersAt: (at: number) => readonly number[]): readonly number[] {
  const isIdle = (at: number): boolean => numbersAt(at).every((one) => one === 0);
  return [...columns.filter((at) => !isIdle(at)), ...columns.filter(isIdle)];
}

/** Of the columns of volumes that of the base currency, or the first that is not what another was worth. */
function volumeOf(
  header: readonly string[],
  columns: readonly number[],
  symbol: string | null,
  worth: (values: number, volumes: number) => boolean,
): number | undefined {
  const base = columns.find((at) => {
    const currency = /^vol(?:ume)?_([a-z0-9]+)$/.exec(normaliseName(header[at]!))?.[1];
    return currency !== undefined && symbol?.toLowerCase().startsWith(currency) === true;
  });
  return (
    base ?? columns.find((at) => !columns.some((other) => other !== at && worth(at, other))) ?? columns[0]
  );
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
  const texts = [...bars[0]!.keys()].filter((at) => !time.includes(at) && !numeric.includes(at));
  const symbols = texts.filter((at) => bars.every((bar) => /^[A-Za-z0-9.:/_^=-]{1,32}$/.test(bar[at] ?? '')));
  if (header === null) return symbols[0] ?? -1;
  // By whatever name: bars of one instant are of different symbols.
  const stampOf = (bar: readonly string[]): string => time.map((at) => bar[at]).join(' ');
  if (2 * new Set(bars.map(stampOf)).size > bars.length) return -1;
  return (
    symbols.find((at) => new Set(bars.map((bar) => `${stampOf(bar)} ${bar[at]}`)).size === bars.length) ?? -1
  );
}

/** Whether numbers lie between the prices of their bars, as a VWAP does: it is no volume. */
function isWithin(numbers: readonly number[], lows: readonly number[], highs: readonly number[]): boolean {
  const within = numbers.filter((one, i) => one >= lows[i]! && one <= highs[i]!).length;
  return within > 0 && within >= NEARLY_ALL * numbers.filter((one) => one !== 0).length;
}

/** The first column that may be a volume, or the next where the first is what that one was worth; -1 for none. */
function volumeBehind(
  columns: readonly number[],
  numbersAt: (at: number) => readonly number[],
  closes: readonly number[],
): number {
  const [first, second] = columns.filter((at) => numbersAt(at).every((one) => !(one < 0)));
  if (first === undefined) return -1;
  return second !== undefined && isWorth(numbersAt(first), numbersAt(second), closes) ? second : first;
}

/** Whether `values` are `volumes` at these prices, give or take a half, in nearly all bars. */
function isWorth(values: readonly number[], volumes: readonly number[], closes: readonly number[]): boolean {
  const good = values.filter((value, i) => {
    const worth = volumes[i]! * closes[i]!;
    return value > worth / 1.5 && value < worth * 1.5;
  }).length;
  // A price near 1 makes any two numbers alike.
  const isTold = closes.every((close) => !(close > 0.5 && close < 2));
  return isTold && good > 0 && good >= NEARLY_ALL * values.filter((value) => value > 0).length;
}

/** The one column of whole numbers behind a volume of fractions: how many trades made it. -1 where there is none. */
function countBehind(
  volume: number,
  rest: readonly number[],
  numbersAt: (at: number) => readonly number[],
  closes: readonly number[],
): number {
  const behind = rest.filter((at) => at > volume);
  if (volume < 0 || behind.length !== 1 || numbersAt(volume).every(Number.isInteger)) return -1;
  const counts = numbersAt(behind[0]!);
  if (isWorth(counts, numbersAt(volume), closes)) return -1;
  return counts.every((one) => Number.isInteger(one) && one >= 0) ? behind[0]! : -1;
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
