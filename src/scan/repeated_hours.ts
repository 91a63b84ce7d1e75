/**
 * Local times that occur twice, when clocks are put back: which of the two a bar belongs to, the order of a file's
 * records tells. In a file that runs forward, the times of that hour run up, fall back once, and run up again; in one
 * that runs backward the other way round. Bars longer than the hour stand in it once, where they do not reach into those
 * beside them. Where records do neither, it cannot be told.
 */

const DAY_US = 86_400_000_000;

/** The records of one series within one repeated hour. */
interface Pass {
  /** A local time in it: no other such hour is within a day. */
  readonly localUs: number;
  /** The earlier instant of its first record, and that of the records before and behind in the file; NaN where there is none. */
  readonly first: number;
  readonly beforeUs: number;
  afterUs: number;
  /** By how much clocks were put back. */
  readonly shiftUs: number;
  /** Steps between records that follow each other in it. */
  rises: number;
  falls: number;
  equals: number;
  /** Line behind the last step of its kind. */
  riseLine: number;
  fallLine: number;
  equalLine: number;
}

interface Series {
  rises: number;
  falls: number;
  /** The record before: its two instants, which are one outside such hours, and its local time. */
  first: number;
  second: number;
  localUs: number;
  pass: Pass | null;
  readonly passes: Pass[];
}

/** Where the second stretch of a repeated hour begins. */
interface Turn {
  readonly localUs: number;
  readonly line: number;
  readonly isForward: boolean;
}

/** What a file's records tell of its repeated hours. */
export class RepeatedHours {
  readonly #turns: ReadonlyMap<string, readonly Turn[]>;

  constructor(turns: ReadonlyMap<string, readonly Turn[]>) {
    this.#turns = turns;
  }

  /** Whether the record on `line` belongs to the first (1) or the second (2) of the two hours; 0: it cannot be told. */
  pass(series: string, localUs: number, line: number): 0 | 1 | 2 {
    const turn = this.#turns.get(series)?.find((one) => Math.abs(one.localUs - localUs) < DAY_US);
    if (turn === undefined) return 0;
    return line < turn.line === turn.isForward ? 1 : 2;
  }
}

/** Watches the records of a whole file, in its order. */
export class HourWatch {
  readonly #intervalUs: number;
  readonly #series = new Map<string, Series>();

  constructor(intervalUs: number) {
    this.#intervalUs = intervalUs;
  }

  /** A record of a series: its local time and the instants it may mean, which are one where it occurs once. */
  record(name: string, localUs: number, first: number, second: number, line: number): void {
    let series = this.#series.get(name);
    if (series === undefined) {
      series = {
        rises: 0,
        falls: 0,
        first: Number.NaN,
        second: Number.NaN,
        localUs: Number.NaN,
        pass: null,
        passes: [],
      };
      this.#series.set(name, series);
    }
    const pass = first === second ? null : passOf(series, localUs, first, second - first);
    if (series.pass !== null && Number.isNaN(series.pass.afterUs)) series.pass.afterUs = first;
    if (pass !== null && pass === series.pass) step(pass, localUs - series.localUs, line);
    else if (first > series.second) series.rises++;
    else if (second < series.first) series.falls++;
    series.first = first;
    series.second = second;
    series.localUs = localUs;
    series.pass = pass;
  }

  /** All records were told. */
  end(): RepeatedHours {
    const turns = new Map<string, Turn[]>();
    for (const [name, series] of this.#series) {
      const told = series.passes.flatMap((pass) => turnOf(pass, series, this.#intervalUs) ?? []);
      if (told.length > 0) turns.set(name, told);
    }
    return new RepeatedHours(turns);
  }
}

function passOf(series: Series, localUs: number, first: number, shiftUs: number): Pass {
  const known = series.passes.find((pass) => Math.abs(pass.localUs - localUs) < DAY_US);
  if (known !== undefined) return known;
  const pass: Pass = {
    localUs,
    first,
    beforeUs: series.first,
    afterUs: Number.NaN,
    shiftUs,
    rises: 0,
    falls: 0,
    equals: 0,
    riseLine: 0,
    fallLine: 0,
    equalLine: 0,
  };
  series.passes.push(pass);
  return pass;
}

function step(pass: Pass, byUs: number, line: number): void {
  if (byUs > 0) {
    pass.rises++;
    pass.riseLine = line;
  } else if (byUs < 0) {
    pass.falls++;
    pass.fallLine = line;
  } else {
    pass.equals++;
    pass.equalLine = line;
  }
}

/** Null where it cannot be told. */
function turnOf(pass: Pass, series: Series, intervalUs: number): Turn | null {
  const { localUs, rises, falls, equals } = pass;
  if (series.rises > 0 && series.falls > 0) return null;
  // A file of nothing but such an hour runs the way most of its steps go.
  const isForward = series.rises + series.falls > 0 ? series.rises > 0 : rises > falls;
  if (series.rises + series.falls === 0 && rises === falls) return null;
  const back = isForward ? falls : rises;
  if (back === 1) return { localUs, line: isForward ? pass.fallLine : pass.riseLine, isForward };
  // Bars as long as the hour stand once in each of the two.
  if (back === 0 && equals === 1 && intervalUs >= pass.shiftUs)
    return { localUs, line: pass.equalLine, isForward };
  return rises + falls + equals === 0 ? turnOfOne(pass, intervalUs) : null;
}

/** Of one bar alone, longer than the hour that comes again: in one of the two it would reach into the bar beside it. */
function turnOfOne({ localUs, first, shiftUs, beforeUs, afterUs }: Pass, intervalUs: number): Turn | null {
  const fits = (us: number): boolean =>
    !(Math.abs(us - beforeUs) < intervalUs) && !(Math.abs(us - afterUs) < intervalUs);
  const [isFirst, isSecond] = [fits(first), fits(first + shiftUs)];
  if (isFirst === isSecond) return null;
  return { localUs, line: isFirst ? Number.POSITIVE_INFINITY : 0, isForward: true };
}
