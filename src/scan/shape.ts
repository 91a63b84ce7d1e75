/** What the scanner must know of one file: plain data, made by the producer from a layout and a name. */

/**
 * What a field of a record is. `date` and `time_of_day` make a stamp together; `price`, `side`, `id`, `first_id` and
 * `last_id` are a trade's; `extra` is kept beside the bar; `key` says of which series' file a record is; `ignore` fields
 * are counted and skipped.
 */
export type Role =
  | 'time'
  | 'date'
  | 'time_of_day'
  | 'symbol'
  | 'open'
  | 'high'
  | 'low'
  | 'close'
  | 'volume'
  | 'trades'
  | 'price'
  | 'side'
  | 'id'
  | 'first_id'
  | 'last_id'
  | 'extra'
  | 'key'
  | 'ignore';

/** Roles of a bar's numbers. */
export type BarNumber = 'open' | 'high' | 'low' | 'close' | 'volume' | 'trades';
/** Roles of numbers; `price` and the ids of the first and last trade that a record sums up are a trade's. */
export type NumberRole = BarNumber | 'price' | 'first_id' | 'last_id';

/** A further column to keep: its name beside the bar, and PostgreSQL's type for it. */
export interface ExtraColumn {
  readonly name: string;
  readonly type: 'float8' | 'int8' | 'numeric' | 'text';
}

export interface ShapeColumn {
  readonly role: Role;
  /**
   * Header names this column goes by, normalised: lower case, runs of anything but letters and digits as one `_`, none
   * at the ends. Of two that a header has, the one named first here is meant.
   */
  readonly names: readonly string[];
  /** May be null in a record (trades only: it becomes NULL). A header may lack trades in any case. */
  readonly optional?: boolean;
  /** Of an ignored column: a header without it is not of this layout. */
  readonly required?: true;
  /** Of an `extra` column. */
  readonly extra?: ExtraColumn;
  /** Of a `key` column: what it holds in the records that are this task's. */
  readonly value?: string;
  /** Of a `key` column: records of another value are not asked for, whatever the shape says of others. */
  readonly leavesOut?: true;
}

/**
 * Unit of a stamp; `magnitude` reads s, ms, µs or ns off the number of digits, record by record, and takes a date too;
 * `text` is a date and time (see {@link RecordShape.formats}); `excel` counts days from 1899-12-30.
 */
export type TimeUnit = 's' | 'ms' | 'us' | 'ns' | 'magnitude' | 'text' | 'excel';

/** How numbers are written, where it is not `[+-]?digits[.digits][e±digits]`. */
export interface NumberStyle {
  readonly decimal: '.' | ',';
  /** What parts groups of three digits; `' '` stands for a no-break space too. */
  readonly thousands: string | null;
  /** `59.40K`, `1.2M`, `3B`, `1T`. */
  readonly suffixes: boolean;
  /** A sign that may stand before a number: `$`. */
  readonly currency?: string;
  /** Prices are whole multiples of ten to this power; 0 when they are what they say. */
  readonly scale: number;
}

/** How the bytes of one file become records, and which field is what. */
export interface RecordShape {
  /** Present: a record is a trade, of which bars are made. */
  readonly kind?: 'trades';
  /** One ASCII character: no letter, digit, quote, sign, point or line end. */
  readonly delimiter: string;
  /** `optional`: the first record is a header when its time field is no stamp and two of the columns' names are among its fields. */
  readonly header: 'none' | 'required' | 'optional';
  /** Lines before the header, or before the first record, that may be skipped when they are neither (a URL, a remark). */
  readonly preamble: number;
  /** Lines under the header that may be skipped when they hold no stamp (units, a second header); absent: none. */
  readonly subheader?: number;
  /** Columns in their order without a header; with one, matched by name and free in order. */
  readonly columns: readonly ShapeColumn[];
  readonly time: TimeUnit;
  /** IANA zone, or `±HH:MM`, of stamps that name none. */
  readonly timeZone: string;
  /** The day of every stamp, as its pattern has it: records hold a `time_of_day` alone. */
  readonly day?: string;
  /** Present: the text is JSON, an array of a record each. */
  readonly syntax?: 'json';
  /** Patterns of text stamps, of which one fits the file; absent: any of the well-known ones. */
  readonly formats?: readonly string[];
  /** Present: stamps are the bars' ends. */
  readonly stamps?: 'close';
  /** WHATWG name; absent: UTF-8, or UTF-16 where the first bytes say so. */
  readonly encoding?: string;
  readonly numbers?: NumberStyle;
  /** Words for "no value", as they stand between blanks; absent: {@link NULL_WORDS}. */
  readonly nulls?: readonly string[];
  /** Absent: every record has a volume. `optional`: it may be null, or the column missing. `none`: there is none. */
  readonly volume?: 'optional' | 'none';
  /** Present: prices may be 0 or negative. */
  readonly prices?: 'any';
  /** Present: a record whose prices are all null is a reject. Absent: it is no bar, and counted as empty. */
  readonly empty?: 'reject';
  /** Present: records with other values in `key` columns are another task's, and not asked for. Absent: they are rejects. */
  readonly others?: 'outside';
}

/** What stands for "no value" where a layout does not say. */
export const NULL_WORDS: readonly string[] = [
  '',
  'null',
  'NULL',
  'Null',
  'NaN',
  'nan',
  'NAN',
  'None',
  'none',
  'N/A',
  'n/a',
  'NA',
  '#N/A',
  '-',
  '\\N',
];

/** The rules a record is held against. All times µs since 1970, ranges half open `[from, to)`. */
export interface ScanChecks {
  /** Step of the series in µs; stamps off its grid are invalid. */
  readonly intervalUs: number;
  /** `epoch`: ts % interval = 0 (UTC); `week`: a UTC Monday 00:00; `month`: the first of a UTC month; `zone-day`: midnight in `zone`. */
  readonly grid: 'none' | 'epoch' | 'week' | 'month' | 'zone-day';
  /** IANA zone for `zone-day`. */
  readonly zone: string;
  /** The file's own range, from its name; a stamp outside it is invalid. ±Infinity where the name says nothing. */
  readonly fileFromUs: number;
  readonly fileToUs: number;
  /** The range asked for; a record outside it is not asked for: counted in `outside`, not in `read`. */
  readonly wantFromUs: number;
  readonly wantToUs: number;
  /** Stamps outside are outside all reason. */
  readonly earliestUs: number;
  readonly latestUs: number;
  /** Present: stamps as old as this are believed too, but for those of 1970 that stand alone: a wrong unit makes them. */
  readonly oldestUs?: number;
  /** What becomes of a record that parses but breaks a rule: those named are waived, or all of them. */
  readonly onInvalid: OnInvalid;
  /** A longer record (bytes) is a reject. */
  readonly maxRecordBytes: number;
}

/** Rules a record that parses may break and still be a bar, where the user says so; named as the rejects they make. */
export const WAIVABLE = [
  'outside-file-range',
  'off-grid',
  'price',
  'high-low',
  'volume',
  'trades',
] as const satisfies readonly RejectReason[];
export type Waivable = (typeof WAIVABLE)[number];
export type OnInvalid = 'reject' | 'keep' | readonly Waivable[];

/** Why a record was set aside. */
export type RejectReason =
  | 'field-count' // too few or too many fields
  | 'number' // a field that is no number, or has text behind it
  | 'timestamp' // no stamp, or one outside all reason
  | 'skipped-hour' // a local time that never was: clocks were put forward
  | 'repeated-hour' // a local time that was twice, and the order of records does not tell which is meant
  | 'other-series' // of another venue or interval than the file's first records
  | 'symbol' // empty, or not valid UTF-8, or longer than 64 bytes
  | 'nul-byte'
  | 'csv' // quoting that RFC 4180 does not allow
  | 'record-too-long'
  | 'price' // ≤ 0 (unless any will do) or not finite
  | 'high-low' // high < max(open, close) or low > min(open, close)
  | 'volume' // negative or not finite
  | 'trades' // negative or not an integer; of records of trades, none or a last id before the first
  | 'off-grid'
  | 'outside-file-range'
  | 'conflict'; // an equal stamp of the series in the same file with other values: the last wins

/** A record set aside. */
export interface Reject {
  /** From 1. */
  readonly line: number;
  readonly byteOffset: number;
  readonly reason: RejectReason;
  /** Role or header name of the field at fault, or `''`. */
  readonly field: string;
  /** The record's text, at most 500 characters, control characters as `\xNN`. */
  readonly record: string;
}
