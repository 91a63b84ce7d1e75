/** Columns of a table (of Parquet, Arrow) as the scanner reads them: plain typed arrays, whoever decoded them. */

/** Validity: bit `offset + row` is set where a row has a value; null where every row has one. */
interface Nullable {
  readonly valid: Uint8Array | null;
  /** Bit of row 0 in `valid`. Values begin at their row 0. */
  readonly validFrom: number;
}

export type Numbers =
  | Float64Array
  | Float32Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array;

export interface NumberColumn extends Nullable {
  readonly kind: 'number';
  readonly values: Numbers;
}

/** 64-bit integers as pairs of 32-bit words, the low one first. */
export interface Int64Column extends Nullable {
  readonly kind: 'int64';
  readonly words: Int32Array;
  readonly isSigned: boolean;
}

/** Instants, local times or days since 1970. `zoned`: instants; else by the clocks of the layout's zone. */
export interface StampColumn extends Nullable {
  readonly kind: 'stamp';
  /** Pairs of words, or with `day32` whole days. */
  readonly words: Int32Array;
  readonly unit: 's' | 'ms' | 'us' | 'ns' | 'day32';
  readonly zoned: boolean;
}

/** Whole numbers of 128 bits, four words each, low first, in units of ten to the power of minus `scale`. */
export interface DecimalColumn extends Nullable {
  readonly kind: 'decimal';
  readonly words: Int32Array;
  readonly scale: number;
}

/** UTF-8: `bytes[offsets[row], offsets[row + 1])`. */
export interface TextColumn extends Nullable {
  readonly kind: 'text';
  readonly bytes: Uint8Array;
  readonly offsets: Int32Array;
}

/** A word out of a list. */
export interface DictionaryColumn extends Nullable {
  readonly kind: 'dictionary';
  readonly codes: Exclude<Numbers, Float64Array | Float32Array>;
  readonly words: TextColumn;
}

export interface FlagColumn extends Nullable {
  readonly kind: 'flag';
  readonly bits: Uint8Array;
  readonly bitsFrom: number;
}

/** Null in every row. */
export interface NoColumn extends Nullable {
  readonly kind: 'none';
}

export type TableColumn =
  | NumberColumn
  | Int64Column
  | StampColumn
  | DecimalColumn
  | TextColumn
  | DictionaryColumn
  | FlagColumn
  | NoColumn;

/** Rows of a table, a column each of those that were asked for, in their order. Valid until the next is asked for. */
export interface TableBatch {
  readonly rows: number;
  readonly columns: readonly TableColumn[];
}

/** What a column is, known before any row is. */
export interface TableField {
  readonly name: string;
  readonly kind: TableColumn['kind'];
  /** Of stamps. */
  readonly zoned: boolean;
}

export function isNull({ valid, validFrom }: Nullable, row: number): boolean {
  if (valid === null) return false;
  const bit = validFrom + row;
  return (valid[bit >> 3]! & (1 << (bit & 7))) === 0;
}

/** A 64-bit integer as a double; NaN beyond 2^53, where doubles leave some out. */
export function wholeOf({ words, isSigned }: Int64Column, row: number): number {
  const high = words[2 * row + 1]!;
  const value = (isSigned ? high : high >>> 0) * 2 ** 32 + (words[2 * row]! >>> 0);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** µs since 1970 of a stamp, cut off towards 1970 as those of text are; by its own clock where it is local. */
export function stampUs({ words, unit }: StampColumn, row: number): number {
  if (unit === 'day32') return words[row]! * 86_400_000_000;
  return pairUs(words[2 * row + 1]!, words[2 * row]! >>> 0, unit);
}

/** µs of a signed 64-bit number of a unit, given as its words; exact where the result is below 2^53. */
function pairUs(high: number, low: number, unit: 's' | 'ms' | 'us' | 'ns'): number {
  if (unit !== 'ns') return (high * 2 ** 32 + low) * (unit === 'us' ? 1 : unit === 'ms' ? 1e3 : 1e6);
  if (high < 0) return Number(((BigInt(high) << 32n) | BigInt(low)) / 1000n);
  // 2^32 = 4,294,967 × 1000 + 296: no step has more digits than a double.
  return high * 4_294_967 + Math.floor((high * 296 + low) / 1000);
}

/** A decimal as a double, rounded once; NaN where that takes more than one division. */
export function decimalOf({ words, scale }: DecimalColumn, row: number): number {
  const at = 4 * row;
  const high = words[at + 1]!;
  const sign = high >> 31;
  if (words[at + 2] !== sign || words[at + 3] !== sign || scale < 0 || scale > 22) return Number.NaN;
  const whole = high * 2 ** 32 + (words[at]! >>> 0);
  return Number.isSafeInteger(whole) ? whole / 10 ** scale : Number.NaN;
}
