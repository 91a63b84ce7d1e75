/** Bytes of a CSV file to columns of bars: the fast path and the careful one, and when each is taken. */

import type { BarColumns } from '../bars/columns.ts';
import { Zone } from '../base/zone.ts';
import { BackhaulError } from '../faults/fault.ts';
import { BAD_QUOTING, FieldList, indexOf, recordEnd, TOO_LONG, UNFINISHED } from './csv_record.ts';
import { FirstRecords } from './first_records.ts';
import { gridZoneName } from './grid.ts';
import { HeadLines } from './head_lines.ts';
import { type ColumnRoles, rolesByPosition } from './header.ts';
import { Judge } from './judge.ts';
import { PendingBytes } from './pending_bytes.ts';
import { PlainRecords, STOP_DOUBT, STOP_FULL } from './plain_records.ts';
import { FIRST_READING, type RecordRules, RecordScanner } from './record_scanner.ts';
import { recordText } from './record_text.ts';
import { RowOrder } from './row_order.ts';
import type { RecordShape, ScanChecks } from './shape.ts';
import { StampReader } from './stamp_reader.ts';
import { Survey } from './survey.ts';
import type { SymbolTable } from './symbol_table.ts';

export { carryLast } from './held_row.ts';
export { SymbolTable } from './symbol_table.ts';

const LF = 0x0a;
const CR = 0x0d;
/** A delimiter may be none of these, nor a letter or digit: they have a meaning inside fields or around them. */
const NO_DELIMITER = /^[\p{L}\p{N}\n\r\0"+.-]$/u;

/** What the fast path and the rules need once the columns are known. */
interface Body extends RecordRules {
  /** Null where every record is for the judge. */
  readonly plain: PlainRecords | null;
}

/**
 * Bytes of one file in, columns of bars out; see {@link RecordShape} and {@link ScanChecks} for what is a bar.
 *
 * The caller owns `bytes` and `out`. Rows are appended to `out`; unless the order is `any`, the last row stays held:
 * a record with an equal stamp may still be folded into it, so the caller takes rows `[0, length-1)`, moves the last
 * one to the front with {@link carryLast} and takes it too once {@link finish} has returned true. `out` needs room
 * for two rows at least.
 * @throws BackhaulError for a file that is wrong as a whole: `not-a-bar-file`, `timestamp`, `usage` (a shape that
 * cannot be); after that, or once {@link unordered} is set, the scanner is of no more use
 */
export class Scanner extends RecordScanner<Body> {
  readonly #shape: RecordShape;
  readonly #checks: ScanChecks;
  readonly #isOrdered: boolean;
  readonly #isBySymbol: boolean;
  readonly #delimiter: number;
  readonly #timeZone: Zone;
  readonly #gridZone: Zone;
  readonly #fields = new FieldList();
  readonly #pending: PendingBytes;
  readonly #head: HeadLines;
  #hasBegun = false;
  /** Inside a record too long to be kept: bytes are dropped up to its newline. */
  #isSkipping = false;
  #isFull = false;
  /** Lines under the header that may still be none of records. */
  #subheaderLeft = 0;
  #isClosing = false;
  /** Byte offset of the next byte to be given. */
  #offset = 0;
  /** Line of the record to be read next. */
  #line = 1;

  constructor(
    shape: RecordShape,
    checks: ScanChecks,
    symbols: SymbolTable,
    order: 'time' | 'symbol-time' | 'any',
    reading = FIRST_READING,
  ) {
    super(symbols, new RowOrder(order, symbols), reading);
    this.#shape = shape;
    this.#checks = checks;
    this.#isOrdered = order !== 'any';
    this.#isBySymbol = order === 'symbol-time';
    this.#delimiter = delimiterByte(shape.delimiter);
    this.#timeZone = new Zone(shape.timeZone);
    this.#gridZone = new Zone(gridZoneName(checks, shape));
    this.#pending = new PendingBytes(checks.maxRecordBytes);
    const stamps = this.#stampsOf(rolesByPosition(shape, symbols.isFixed));
    this.#head = new HeadLines(shape, symbols.isFixed, stamps);
  }

  #stampsOf(columns: ColumnRoles): StampReader {
    const { facts } = this.reading;
    return new StampReader(columns, this.#shape, this.#checks, this.#timeZone, this.#gridZone, facts);
  }

  /**
   * Scans `bytes[start,end)` and appends good records to `out`. Returns the number of bytes consumed: all of them,
   * unless `out` is full (take its rows and go on with the rest) or scanning has ended for good. The bytes may be reused
   * afterwards: an unfinished record is kept inside.
   */
  push(bytes: Uint8Array, start: number, end: number, out: BarColumns): number {
    if (this.hasStopped) return 0;
    const base = this.#offset - start;
    let p = start;
    while (p < end || this.#pending.isReady) {
      if (this.#isSkipping) {
        p = this.#skip(bytes, p, end);
      } else if (this.#pending.isReady) {
        this.#scanPending(out, false);
        if (this.#isFull || this.hasStopped) break;
      } else if (this.#pending.length > 0) {
        p += this.#pending.feed(bytes, p, end);
      } else {
        const next = this.#scan(bytes, p, end, base, out, false);
        if (!this.#isFull && !this.hasStopped && next < end) {
          this.#pending.hold(bytes, next, end, base + next);
          p = end;
        } else p = next;
        if (this.#isFull || this.hasStopped) break;
      }
    }
    this.#offset += p - start;
    return p - start;
  }

  /**
   * The input has ended; its last record may lack its newline. True when all is done, false when `out` is full: take
   * its rows and call again.
   */
  finish(out: BarColumns): boolean {
    if (this.hasStopped) return true;
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.#pending.close();
    }
    this.#isFull = false;
    if (this.#pending.length > 0) this.#scanPending(out, true);
    if (this.hasStopped) return true;
    if (this.#isFull) return false;
    if (this.rules === null) this.#head.end();
    else if (this.rules.survey === null) this.rules.first.end(this.seen);
    return true;
  }

  #skip(bytes: Uint8Array, start: number, end: number): number {
    const newline = indexOf(bytes, LF, start, end);
    if (newline < 0) return end;
    this.#isSkipping = false;
    this.#addLines(1);
    return newline + 1;
  }

  #scanPending(out: BarColumns, isLast: boolean): void {
    const { bytes, start, end, offset } = this.#pending;
    const next = this.#scan(bytes, start, end, offset - start, out, isLast);
    this.#pending.consume(next, this.#isFull);
  }

  /**
   * Scans records of `bytes[start,end)`; `base` is the byte offset of `bytes[0]`. Returns where the first record
   * starts that was not consumed, because it is unfinished, `out` is full or the order is broken.
   */
  #scan(
    bytes: Uint8Array,
    start: number,
    end: number,
    base: number,
    out: BarColumns,
    isLast: boolean,
  ): number {
    this.#isFull = false;
    let p = start;
    if (!this.#hasBegun) {
      if (end - start < 4 && !isLast) return start;
      this.#hasBegun = true;
      p = skipMark(bytes, start, end);
    }
    let newline = -1;
    let isNewlineKnown = false;
    while (p < end) {
      if (out.length >= out.capacity) {
        this.#isFull = true;
        return p;
      }
      const plain = this.#subheaderLeft > 0 ? null : (this.rules?.plain ?? null);
      if (plain !== null) {
        if (!isNewlineKnown) newline = bytes.lastIndexOf(LF, end - 1);
        isNewlineKnown = true;
        if (newline >= p) {
          plain.line = this.#line;
          p = plain.scan(bytes, p, newline, base, out);
          this.#line = plain.line;
          if (plain.stop !== STOP_DOUBT) {
            this.#isFull = plain.stop === STOP_FULL;
            if (this.#isFull) return p;
            continue;
          }
        }
      }
      const next = this.#scanOne(bytes, p, end, base, out, isLast);
      if (next === p) return p;
      p = next;
    }
    return p;
  }

  /** Reads one record or blank line the careful way. Returns where the next one starts, or `p` when it cannot go on. */
  #scanOne(
    bytes: Uint8Array,
    p: number,
    end: number,
    base: number,
    out: BarColumns,
    isLast: boolean,
  ): number {
    const blank = blankEnd(bytes, p, end);
    if (blank > p) {
      this.#addLines(1);
      return blank;
    }
    let newline = recordEnd(bytes, p, end, this.#delimiter, this.#checks.maxRecordBytes);
    if (newline === UNFINISHED) {
      if (!isLast) return p;
      // What lacks only its newline has been given one: quotes were never closed.
      newline = BAD_QUOTING;
    }
    if (newline < 0) return this.#spoilt(bytes, p, end, base, newline);
    const contentEnd = newline > p && bytes[newline - 1] === CR ? newline - 1 : newline;
    if (!this.#split(bytes, p, contentEnd)) return this.#spoilt(bytes, p, end, base, BAD_QUOTING);
    if (this.#isSubheader()) this.#subheaderLeft--;
    else if (this.rules !== null || !this.#readHead(bytes, p, contentEnd, base)) {
      if (!this.#record(bytes, p, contentEnd, base, out)) return p;
    }
    this.#addLines(countNewlines(bytes, p, newline + 1));
    return newline + 1;
  }

  #split(bytes: Uint8Array, start: number, end: number): boolean {
    try {
      this.#fields.split(bytes, start, end, this.#delimiter);
      return true;
    } catch {
      return false;
    }
  }

  /** Whether the line just split stands under the header and holds no stamp; the first that does ends such lines. */
  #isSubheader(): boolean {
    if (this.#subheaderLeft === 0) return false;
    const { stamps } = this.rules!;
    const isOne = stamps.lastColumn >= this.#fields.count || !stamps.isStamp(this.#fields);
    if (!isOne) this.#subheaderLeft = 0;
    return isOne;
  }

  /** True when the record belongs to the head of the file; false when it is the first of the body. */
  #readHead(bytes: Uint8Array, start: number, end: number, base: number): boolean {
    const place = { line: this.#line, byteOffset: base + start };
    const found = this.#head.read(this.#fields, recordText(bytes, start, end, 200), place);
    if (found === null) return true;
    this.#begin(found.columns, found.isHeader);
    return found.isHeader;
  }

  #begin(columns: ColumnRoles, hasHeader: boolean): void {
    const [shape, checks, symbols] = [this.#shape, this.#checks, this.symbols];
    const { survey, facts } = this.reading;
    const stamps = this.#stampsOf(columns);
    if (hasHeader) this.#subheaderLeft = shape.subheader ?? 0;
    this.rules = {
      plain: survey === null && isPlain(shape, columns) ? this.#plainRecords(columns, stamps) : null,
      judge: new Judge(columns, shape, checks, symbols, stamps, this.#gridZone),
      stamps,
      survey: survey === null ? null : new Survey(survey, stamps, checks, facts),
      first: new FirstRecords(shape, checks, hasHeader),
    };
  }

  #plainRecords(columns: ColumnRoles, stamps: StampReader): PlainRecords {
    return new PlainRecords({
      columns,
      delimiter: this.#delimiter,
      unit: this.#shape.time,
      stamps,
      checks: this.#checks,
      gridZone: this.#gridZone,
      symbols: this.symbols,
      order: this.order,
      isOrdered: this.#isOrdered,
      isBySymbol: this.#isBySymbol,
      floor: this.#shape.prices === 'any' ? Number.NEGATIVE_INFINITY : 0,
      isTrades: this.#shape.kind === 'trades',
      counters: this.counters,
    });
  }

  /** Judges the record just split; false when it is out of order or cannot be read yet, and not consumed. */
  #record(bytes: Uint8Array, start: number, end: number, base: number, out: BarColumns): boolean {
    const { judge, survey } = this.rules!;
    const place = { line: this.#line, byteOffset: base + start };
    if (survey !== null) {
      this.survey(survey, this.#fields, place);
      return true;
    }
    if (indexOf(bytes, 0, start, end) >= 0) {
      this.setAside('nul-byte', '', place, recordText(bytes, start, end));
      return true;
    }
    judge.line = place.line;
    const verdict = judge.judge(this.#fields, out);
    const text = verdict === 'reject' ? recordText(bytes, start, end) : '';
    return this.settle(verdict, this.#fields, place, out, text);
  }

  /**
   * Sets aside the first line of a record that has no end: a quote is misplaced, or it is too long. What follows is
   * read as if the line had been a whole record, so that one stray quote costs no more than its line.
   */
  #spoilt(bytes: Uint8Array, p: number, end: number, base: number, code: number): number {
    const most = Math.min(end, p + this.#checks.maxRecordBytes);
    const newline = indexOf(bytes, LF, p, end);
    const cut = newline < 0 || newline > most ? most : newline;
    const text = recordText(bytes, p, cut === newline && bytes[cut - 1] === CR ? cut - 1 : cut);
    const place = { line: this.#line, byteOffset: base + p };
    if (this.rules === null) {
      const found = this.#head.read(null, text.slice(0, 200), place);
      if (found !== null) this.#begin(found.columns, found.isHeader);
    }
    if (this.rules !== null && this.rules.survey === null)
      this.setAside(code === TOO_LONG ? 'record-too-long' : 'csv', '', place, text);
    if (newline < 0) {
      this.#isSkipping = true;
      return end;
    }
    this.#addLines(1);
    return newline + 1;
  }

  #addLines(lines: number): void {
    this.#line += lines;
  }
}

/** Whether records may be for the fast path: their stamps are one field, and numbers are written as most are. */
function isPlain({ time, stamps, numbers }: RecordShape, { roles, extras }: ColumnRoles): boolean {
  return (
    extras.every((extra) => extra === null) &&
    !roles.includes('key') &&
    numbers === undefined &&
    stamps === undefined &&
    time !== 'excel' &&
    roles.includes('time')
  );
}

function delimiterByte(delimiter: string): number {
  const byte = delimiter.charCodeAt(0);
  if (delimiter.length === 1 && byte < 0x80 && !NO_DELIMITER.test(delimiter)) return byte;
  throw new BackhaulError({
    kind: 'usage',
    message: 'A layout names a delimiter that cannot be one.',
    expected: 'one ASCII character that is no letter, digit, quote, sign, point or line end',
    found: JSON.stringify(delimiter.slice(0, 20)),
  });
}

/** Where the text starts: behind a byte order mark. */
function skipMark(bytes: Uint8Array, start: number, end: number): number {
  const hasMark =
    end - start >= 3 && bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf;
  return hasMark ? start + 3 : start;
}

/** The position behind an empty line at `p`, or `p`. */
function blankEnd(bytes: Uint8Array, p: number, end: number): number {
  if (bytes[p] === LF) return p + 1;
  return bytes[p] === CR && p + 1 < end && bytes[p + 1] === LF ? p + 2 : p;
}

function countNewlines(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let p = start; p < end; p++) if (bytes[p] === LF) count++;
  return count;
}
