/**
 * What scanners of text and of columns have in common: rows judged, ordered and counted, whatever they were read from.
 */

import type { BarColumns } from '../bars/columns.ts';
import type { FieldList } from './csv_record.ts';
import type { FirstRecords } from './first_records.ts';
import { conflictOf, copyRow } from './held_row.ts';
import type { Judge, Verdict } from './judge.ts';
import { RejectList, ScanCounters } from './rejects.ts';
import { ROW_DUPLICATE, ROW_GOES_BACK, ROW_NEW, type RowOrder } from './row_order.ts';
import type { Reject, RejectReason } from './shape.ts';
import { type FileFacts, type Need, NO_FACTS, type StampReader } from './stamp_reader.ts';
import { mixedForms, type Survey } from './survey.ts';
import type { SymbolTable } from './symbol_table.ts';

/** Which reading of a file it is. */
export interface Reading {
  /** What earlier readings told. */
  readonly facts: FileFacts;
  /** What this one is to tell: then it makes no rows. */
  readonly survey: Need | null;
}

export const FIRST_READING: Reading = { facts: NO_FACTS, survey: null };

/** What the rules need once the columns are known. */
export interface RecordRules {
  readonly judge: Judge;
  readonly stamps: StampReader;
  readonly survey: Survey | null;
  readonly first: FirstRecords;
}

/** Where a record begins. */
export interface Place {
  readonly line: number;
  readonly byteOffset: number;
}

/** What becomes of a record that was read, of a CSV as of a table: a row, a fold into the one before, a count, a reject. */
export abstract class RecordScanner<Rules extends RecordRules> {
  readonly counters = new ScanCounters();
  /**
   * Set, and scanning ends, when a stamp of a series goes back, or in `symbol-time` a symbol does (by its bytes), or
   * in `time` an equal stamp of a series comes after another's: the file must be read again in order `any`.
   */
  unordered = false;
  /** Set, and scanning ends, when the whole file must be surveyed before it can be read: see {@link Reading}. */
  need: Need | null = null;
  protected readonly reading: Reading;
  protected readonly symbols: SymbolTable;
  protected readonly order: RowOrder;
  /** Null until the columns are known. */
  protected rules: Rules | null = null;
  readonly #rejects = new RejectList();

  constructor(symbols: SymbolTable, order: RowOrder, reading: Reading) {
    this.symbols = symbols;
    this.order = order;
    this.reading = reading;
  }

  /** What a survey has told, at the end of the file, or once {@link hasSettled} is. */
  get facts(): FileFacts {
    return this.rules?.survey?.end() ?? this.reading.facts;
  }

  /** Whether a survey needs no more of the file. */
  get hasSettled(): boolean {
    return this.rules?.survey?.isDone ?? false;
  }

  /** The first stamp that could not be read, or null. */
  get badStamp(): string | null {
    return this.rules?.first.badStamp?.text ?? null;
  }

  /** How far apart the records off the grid lie mostly, µs, or null. */
  get offGridUs(): number | null {
    return this.rules?.judge.offGrid.mostUs ?? null;
  }

  /** The form that text stamps were read by, once it is the only one; null where there is none. */
  get stampForm(): string | null {
    return this.rules?.stamps.texts.decided?.form ?? null;
  }

  /** Whether no more of the file is wanted: {@link unordered}, {@link need} or {@link hasSettled} says why. */
  get hasStopped(): boolean {
    return this.unordered || this.need !== null || this.hasSettled;
  }

  /** The rejects since the last call; at most 10,000 are kept between two calls, more are only counted. */
  takeRejects(): Reject[] {
    return this.#rejects.take();
  }

  /** Records that were looked at. */
  protected get seen(): number {
    return this.counters.recordsRead + this.counters.outside;
  }

  /** Shows a record to a survey, if it has as many fields as it should. */
  protected survey(survey: Survey, fields: FieldList, place: Place): void {
    const { judge } = this.rules!;
    const series = judge.seriesOf(fields);
    if (series === null) return;
    survey.record(fields, series, { ...place, text: judge.stampText(fields) });
  }

  /**
   * Does what was judged of a record; `text` is its own, of a reject. False: it is out of order or cannot be read yet,
   * and is not consumed.
   */
  protected settle(
    verdict: Verdict,
    fields: FieldList,
    place: Place,
    out: BarColumns,
    text: string,
  ): boolean {
    switch (verdict) {
      case 'row':
        return this.place(out, place.line, place.byteOffset);
      case 'unsettled':
        this.need = this.rules!.stamps.need;
        return false;
      case 'other-form': {
        const { judge, stamps } = this.rules!;
        throw mixedForms(stamps.texts.forms, { ...place, text: judge.stampText(fields) });
      }
      case 'outside':
        this.counters.outside++;
        return true;
      case 'empty':
        this.counters.recordsRead++;
        this.counters.empty++;
        return true;
      case 'reject':
        this.#reject(fields, place, text);
        return true;
    }
  }

  #reject(fields: FieldList, place: Place, text: string): void {
    const { judge, first } = this.rules!;
    const { reason, field, us } = judge;
    const stamp = { ...place, text: reason === 'timestamp' ? judge.stampText(fields) : '' };
    if (reason === 'timestamp' && !Number.isNaN(us)) {
      first.unreasonable(this.seen + 1, us, stamp);
      this.#count(reason, field, place, text);
      return;
    }
    if (reason === 'timestamp') first.unreadable(this.seen + 1, stamp);
    this.setAside(reason, field, place, text);
  }

  /** Makes row `out.length`, already written, part of the batch, or folds it into the row before. False: out of order. */
  protected place(out: BarColumns, line: number, byteOffset: number): boolean {
    const row = out.length;
    out.line[row] = line;
    out.offset[row] = byteOffset;
    const code = this.order.place(out, row);
    if (code === ROW_GOES_BACK) {
      this.unordered = true;
      return false;
    }
    this.counters.recordsRead++;
    if (code === ROW_NEW) out.length++;
    else if (code === ROW_DUPLICATE) this.counters.duplicates++;
    else {
      const before = row - 1;
      this.counters.rejected++;
      this.#rejects.add(conflictOf(out, before, this.symbols.names));
      copyRow(out, row, out, before);
    }
    return true;
  }

  /** A record that is none: counted, kept, and shown to those who watch the first ones. */
  protected setAside(reason: RejectReason, field: string, place: Place, text: string): void {
    this.rules!.first.rejected(this.seen + 1, reason, { ...place, text });
    this.#count(reason, field, place, text);
  }

  #count(reason: RejectReason, field: string, place: Place, text: string): void {
    this.counters.recordsRead++;
    this.counters.rejected++;
    this.#rejects.add({ ...place, reason, field, record: text });
  }
}
