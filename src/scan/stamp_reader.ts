/** The stamp of a record, in whichever form its file has, held against grid, zone and range. */

import { firstOfMonth, mondayOf } from '../base/first_days.ts';
import type { Zone } from '../base/zone.ts';
import type { FieldList } from './csv_record.ts';
import { isOnGrid } from './grid.ts';
import type { ColumnRoles } from './header.ts';
import { trimEnd, trimStart } from './numbers.ts';
import { parseDayFraction, parseSerialDay, parseStamp } from './numeric_stamp.ts';
import type { RepeatedHours } from './repeated_hours.ts';
import type { RecordShape, RejectReason, ScanChecks, TimeUnit } from './shape.ts';
import { type DecidedForm, TEXT_NONE, TEXT_OPEN, TEXT_OTHER, TEXT_READ, TextStamps } from './stamp_texts.ts';

const DAY_US = 86_400_000_000;
const WEEK_US = 7 * DAY_US;
/** Months go by as thirty days, and are told by that. */
const MONTH_US = 30 * DAY_US;
/** By how much a bar's end may be written too early: `10:04:59.999` for 10:05. */
const INCLUSIVE_US = [1, 1_000, 1_000_000];

/** What one reading of a whole file told, that a second one needs. */
export interface FileFacts {
  readonly form: DecidedForm | null;
  readonly hours: RepeatedHours | null;
}

/** Of a file that was not read yet. */
export const NO_FACTS: FileFacts = { form: null, hours: null };

/** What a file must be read for before it can be read: which form its stamps have; which of two hours its bars are of. */
export type Need = 'form' | 'hours';

/** {@link StampReader.parse}: an instant, in {@link StampReader.first}; a local time; neither. */
type Parsed = 'instant' | 'local' | 'none';

/** Stamps of a file's records: µs since 1970-01-01 UTC of the bar's open. */
export class StampReader {
  /** Why the last record has no stamp. */
  reason: RejectReason = 'timestamp';
  /** Set where the last stamp cannot be read before the whole file was. */
  need: Need | null = null;
  /** Set where the last stamp is in a form that earlier ones are not in. */
  isOtherForm = false;
  /** The instants the last stamp may mean: one and the same but for a local time that occurs twice; NaN for one that never does. */
  first = Number.NaN;
  second = Number.NaN;
  /** Of a local time, µs; NaN for a stamp that names its instant. */
  localUs = Number.NaN;
  readonly texts: TextStamps;
  readonly #unit: TimeUnit;
  readonly #zone: Zone;
  readonly #gridZone: Zone;
  readonly #checks: ScanChecks;
  readonly #hours: RepeatedHours | null;
  readonly #isClose: boolean;
  readonly #time: number;
  readonly #date: number;
  readonly #timeOfDay: number;
  /** The day of all records, where they hold none. */
  readonly #day: Uint8Array | null;

  constructor(
    { roles }: ColumnRoles,
    shape: RecordShape,
    checks: ScanChecks,
    zone: Zone,
    gridZone: Zone,
    facts: FileFacts,
  ) {
    this.texts = new TextStamps(shape.formats ?? null, facts.form);
    this.#unit = shape.time;
    this.#zone = zone;
    this.#gridZone = gridZone;
    this.#checks = checks;
    this.#hours = facts.hours;
    this.#isClose = shape.stamps === 'close';
    this.#time = roles.indexOf('time');
    this.#date = this.#time < 0 ? roles.indexOf('date') : -1;
    this.#timeOfDay = roles.indexOf('time_of_day');
    this.#day = shape.day === undefined ? null : new TextEncoder().encode(shape.day);
  }

  /** Index of the field a stamp is, or begins in. */
  get column(): number {
    if (this.#day !== null) return this.#timeOfDay;
    return this.#date < 0 ? this.#time : this.#date;
  }

  /** Index of the last field that is of a stamp; -1 where there is none. */
  get lastColumn(): number {
    if (this.#day !== null) return this.#timeOfDay;
    return this.#date < 0 ? this.#time : Math.max(this.#date, this.#timeOfDay);
  }

  /** Whether a record has something that may be a stamp. */
  isStamp(fields: FieldList): boolean {
    return this.parse(fields) !== 'none' || this.need !== null || this.isOtherForm;
  }

  /** The stamp of the record on `line`, of a series; NaN where it has none: see {@link reason}, {@link need} and {@link isOtherForm}. */
  read(fields: FieldList, series: string, line: number): number {
    this.reason = 'timestamp';
    const parsed = this.parse(fields);
    if (parsed === 'none') return Number.NaN;
    if (parsed === 'local' && Number.isNaN(this.first)) this.reason = 'skipped-hour';
    if (this.first === this.second || Number.isNaN(this.first)) return this.first;
    if (this.#hours === null) {
      this.need = 'hours';
      return Number.NaN;
    }
    const pass = this.#hours.pass(series, this.localUs, line);
    if (pass === 0) this.reason = 'repeated-hour';
    return pass === 0 ? Number.NaN : pass === 1 ? this.first : this.second;
  }

  /** The stamp in `bytes[start,end)`, where it is text that means one instant beyond doubt; else NaN. */
  readPlain(bytes: Uint8Array, start: number, end: number): number {
    if (this.texts.read(bytes, start, end) !== TEXT_READ || this.#isOnlyMonth) return Number.NaN;
    this.#resolveText();
    return this.first === this.second ? this.first : Number.NaN;
  }

  /** Reads the stamp of a record as far as its own fields tell. */
  parse({ bytes, starts, ends }: FieldList): Parsed {
    this.need = null;
    this.isOtherForm = false;
    this.localUs = Number.NaN;
    const at = this.column;
    const start = trimStart(bytes, starts[at]!, ends[at]!);
    const end = trimEnd(bytes, start, ends[at]!);
    if (this.#day !== null) {
      const day = this.#day;
      return this.#parsedText(this.texts.readParts(bytes, 0, day.length, start, end, day));
    }
    if (this.#date >= 0) {
      const time = trimStart(bytes, starts[this.#timeOfDay]!, ends[this.#timeOfDay]!);
      const timeEnd = trimEnd(bytes, time, ends[this.#timeOfDay]!);
      if (this.#unit === 'excel') {
        const local = parseSerialDay(bytes, start, end) + parseDayFraction(bytes, time, timeEnd);
        if (Number.isNaN(local)) return 'none';
        this.#resolve(local);
        return 'local';
      }
      return this.#parsedText(this.texts.readParts(bytes, start, end, time, timeEnd));
    }
    if (this.#unit === 'excel') {
      const local = parseSerialDay(bytes, start, end);
      if (Number.isNaN(local)) return 'none';
      this.#resolve(local);
      return 'local';
    }
    if (this.#unit !== 'text') {
      const us = parseStamp(bytes, start, end, this.#unit);
      if (!Number.isNaN(us)) {
        this.first = this.#opened(us);
        this.second = this.first;
        return 'instant';
      }
      if (this.#unit !== 'magnitude') return 'none';
    }
    return this.#parsedText(this.texts.read(bytes, start, end));
  }

  #parsedText(code: number): Parsed {
    if (code === TEXT_OPEN) this.need = 'form';
    this.isOtherForm = code === TEXT_OTHER;
    if (code === TEXT_NONE || code === TEXT_OPEN || code === TEXT_OTHER || this.#isOnlyMonth) return 'none';
    return this.#resolveText();
  }

  /** The stamp names a month, and bars of other intervals may lie anywhere in it. Where no interval is known yet, it may be one. */
  get #isOnlyMonth(): boolean {
    const { intervalUs } = this.#checks;
    return this.texts.isOfMonth && intervalUs !== MONTH_US && intervalUs > 0;
  }

  #resolveText(): Parsed {
    const { localUs, offsetUs } = this.texts;
    if (Number.isNaN(offsetUs)) {
      this.#resolve(localUs);
      return 'local';
    }
    this.first = this.#opened(localUs - offsetUs);
    this.second = this.first;
    return 'instant';
  }

  /** Finds the instants of a local time. Of two, one may be no place for a bar, as midnight is but once a day. */
  #resolve(localUs: number): void {
    const zone = this.#zone;
    zone.resolve(localUs);
    this.localUs = localUs;
    const [first, second] = [zone.first, zone.second];
    this.first = this.#opened(first);
    this.second = first === second ? this.first : this.#opened(second);
    if (this.first === this.second || Number.isNaN(first)) return;
    const isFirst = this.#isPlace(this.first);
    const isSecond = this.#isPlace(this.second);
    if (isFirst && !isSecond) this.second = this.first;
    if (isSecond && !isFirst) this.first = this.second;
  }

  #isPlace(us: number): boolean {
    const { fileFromUs, fileToUs, grid, intervalUs } = this.#checks;
    return us >= fileFromUs && us < fileToUs && isOnGrid(us, grid, intervalUs, this.#gridZone);
  }

  /** The open of the bar stamped at `us`. */
  #opened(us: number): number {
    if (!this.#isClose || Number.isNaN(us)) return us;
    const { grid, intervalUs } = this.#checks;
    const isEnd = (end: number): boolean => isOnGrid(end, grid, intervalUs, this.#gridZone);
    const late = isEnd(us) ? undefined : INCLUSIVE_US.find((by) => isEnd(us + by));
    const end = us + (late ?? 0);
    const isOfZone = !this.#gridZone.isUtc;
    if (intervalUs === MONTH_US) return this.#localStart(end, (day) => firstOfMonth(day, 0));
    if (grid === 'week' || (isOfZone && intervalUs === WEEK_US)) return this.#localStart(end, mondayOf);
    if (grid === 'zone-day') return this.#localStart(end, (day) => day);
    // So many days of a zone, of which some have 23 or 25 hours.
    if (isOfZone && intervalUs % DAY_US === 0) return this.#daysBefore(end, intervalUs);
    return end - intervalUs;
  }

  /** The first instant of a day of the zone: the one that `startOf` gives for the day that `end` ends, or is in. */
  #localStart(end: number, startOf: (day: number) => number): number {
    const zone = this.#gridZone;
    return zone.dayStartUs(startOf(Math.floor((end - 1 + zone.offsetUs(end - 1)) / DAY_US)));
  }

  /** The same time of day by the zone's clocks, whole days earlier. */
  #daysBefore(end: number, us: number): number {
    const zone = this.#gridZone;
    return zone.reachesUs(end + zone.offsetUs(end) - us);
  }
}
