import type { BarColumns } from '../../bars/columns.ts';
import { Zone } from '../../base/zone.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { FieldList } from '../csv_record.ts';
import { FirstRecords } from '../first_records.ts';
import { gridZoneName } from '../grid.ts';
import { requiredRoles } from '../header.ts';
import { conflictOf, copyRow } from '../held_row.ts';
import { Judge } from '../judge.ts';
import { recordText } from '../record_text.ts';
import { RejectList, ScanCounters } from '../rejects.ts';
import { ROW_DUPLICATE, ROW_GOES_BACK, ROW_NEW, RowOrder } from '../row_order.ts';
import { FIRST_READING, type Reading } from '../scanner.ts';
import type { RecordShape, Reject, RejectReason, ScanChecks } from '../shape.ts';
import { type FileFacts, type Need, StampReader } from '../stamp_reader.ts';
import { mixedForms, Survey } from '../survey.ts';
import type { SymbolTable } from '../symbols.ts';
import type { TableBatch, TableField } from './columns.ts';
import { GoodRows } from './good_rows.ts';
import { type TableShape, tableShape } from './shape.ts';
import { textOf } from './texts.ts';

const utf8 = new TextEncoder();

/**
 * Rows of a table in, columns of bars out, by the rules of the scanner of CSV: good rows are told column by column
 * ({@link GoodRows}), any other is shown to the judge as the text a CSV would have for it. Rejects name the row, from 1,
 * as their line. What is said of {@link Scanner} of the held row, of `unordered`, `need` and of errors holds here too.
 */
export class TableScanner {
  readonly counters = new ScanCounters();
  unordered = false;
  need: Need | null = null;
  readonly #reading: Reading;
  readonly #shape: RecordShape;
  readonly #checks: ScanChecks;
  readonly #symbols: SymbolTable;
  readonly #order: RowOrder;
  readonly #isOrdered: boolean;
  readonly #gridZone: Zone;
  readonly #rejects = new RejectList();
  #body: Body | null = null;
  /** Rows of earlier batches. */
  #before = 0;

  constructor(
    shape: RecordShape,
    checks: ScanChecks,
    symbols: SymbolTable,
    order: 'time' | 'symbol-time' | 'any',
    reading: Reading = FIRST_READING,
  ) {
    this.#reading = reading;
    this.#shape = shape;
    this.#checks = checks;
    this.#symbols = symbols;
    this.#order = new RowOrder(order, symbols);
    this.#isOrdered = order !== 'any';
    this.#gridZone = new Zone(gridZoneName(checks, shape));
  }

  /** The columns to be read, by their places in the table. Fails with `not-a-bar-file` where some are missing. */
  begin(fields: readonly TableField[]): readonly number[] {
    const table = tableShape(fields, this.#shape, this.#symbols.isFixed);
    if (table.roles.missing.length > 0) throw misfit(fields, table, this.#symbols.isFixed);
    const { shape, roles } = table;
    const { survey, facts } = this.#reading;
    const stamps = new StampReader(
      roles,
      shape,
      this.#checks,
      new Zone(shape.timeZone),
      this.#gridZone,
      facts,
    );
    const judge = new Judge(roles, shape, this.#checks, this.#symbols, stamps, this.#gridZone);
    this.#body = {
      judge,
      stamps,
      survey: survey === null ? null : new Survey(survey, stamps, this.#checks, facts),
      first: new FirstRecords(shape, this.#checks, true),
      good: new GoodRows(roles, shape, this.#checks, this.#symbols, stamps, this.#gridZone),
      decimal: shape.numbers?.decimal ?? '.',
    };
    return table.places;
  }

  get facts(): FileFacts {
    return this.#body?.survey?.end() ?? this.#reading.facts;
  }

  get hasSettled(): boolean {
    return this.#body?.survey?.isDone ?? false;
  }

  /** The pattern that text stamps were read by; null where none was. */
  get stampForm(): string | null {
    return this.#body?.stamps.texts.decided?.form ?? null;
  }

  get badStamp(): string | null {
    return this.#body?.first.badStamp?.text ?? null;
  }

  get hasStopped(): boolean {
    return this.unordered || this.need !== null || this.hasSettled;
  }

  takeRejects(): Reject[] {
    return this.#rejects.take();
  }

  /** Reads rows from `from` on, as many as `out` has room for. Returns how many. */
  push(batch: TableBatch, from: number, out: BarColumns): number {
    const { survey, good } = this.#body!;
    const rows = Math.min(batch.rows - from, out.capacity - out.length);
    if (survey !== null) {
      for (let row = from; row < from + rows && !this.hasStopped; row++) this.#survey(survey, batch, row);
      return rows;
    }
    const base = out.length;
    good.fill(batch, from, rows, out);
    const line = this.#before + from + 1 - base;
    for (let at = base; at < base + rows; at++) {
      if (out.length === at) {
        const end = good.runTo(out, at, base + rows);
        for (let row = at; row < end; row++) out.line[row] = line + row;
        out.offset.fill(0, at, end);
        out.length = end;
        this.counters.recordsRead += end - at;
        if (end === base + rows) break;
        at = end;
      }
      if (good.isOutside(at)) this.counters.outside++;
      else if (good.isGood(out, at)) {
        const row = out.length;
        if (row !== at) copyRow(out, at, out, row);
        out.line[row] = line + at;
        out.offset[row] = 0;
        if (!this.#place(out, line + at)) return at - base;
      } else if (!this.#judge(batch, from + at - base, line + at, out)) return at - base;
    }
    return rows;
  }

  /** The next batch follows. */
  passed(batch: TableBatch): void {
    this.#before += batch.rows;
  }

  /** There are no more rows. */
  finish(): void {
    if (!this.hasStopped && this.#body?.survey === null) this.#body.first.end(this.#seen());
  }

  #seen(): number {
    return this.counters.recordsRead + this.counters.outside;
  }

  #texts(batch: TableBatch, row: number): string[] {
    const { decimal } = this.#body!;
    return batch.columns.map((column) => textOf(column, row, decimal));
  }

  /** False: it is out of order, or cannot be read yet. */
  #judge(batch: TableBatch, row: number, line: number, out: BarColumns): boolean {
    const { judge, first, stamps } = this.#body!;
    const texts = this.#texts(batch, row);
    const fields = FieldList.of(texts);
    judge.line = line;
    const verdict = judge.judge(fields, out);
    const place = { line, byteOffset: 0 };
    switch (verdict) {
      case 'row':
        out.line[out.length] = line;
        out.offset[out.length] = 0;
        return this.#place(out, line);
      case 'unsettled':
        this.need = stamps.need;
        return false;
      case 'other-form':
        throw mixedForms(stamps.texts.forms, { ...place, text: judge.stampText(fields) });
      case 'outside':
        this.counters.outside++;
        return true;
      case 'empty':
        this.counters.recordsRead++;
        this.counters.empty++;
        return true;
      case 'reject': {
        const bytes = utf8.encode(texts.join(','));
        const text = recordText(bytes, 0, bytes.length);
        const { reason } = judge;
        if (reason === 'timestamp' && !Number.isNaN(judge.us))
          first.unreasonable(this.#seen() + 1, judge.us, { ...place, text: judge.stampText(fields) });
        else {
          if (reason === 'timestamp')
            first.unreadable(this.#seen() + 1, { ...place, text: judge.stampText(fields) });
          first.rejected(this.#seen() + 1, reason, { ...place, text });
        }
        this.#setAside(reason, judge.field, line, text);
        return true;
      }
    }
  }

  #setAside(reason: RejectReason, field: string, line: number, record: string): void {
    this.counters.recordsRead++;
    this.counters.rejected++;
    this.#rejects.add({ line, byteOffset: 0, reason, field, record });
  }

  #survey(survey: Survey, batch: TableBatch, row: number): void {
    const { judge } = this.#body!;
    const fields = FieldList.of(this.#texts(batch, row));
    const series = judge.seriesOf(fields);
    if (series === null) return;
    survey.record(fields, series, {
      line: this.#before + row + 1,
      byteOffset: 0,
      text: judge.stampText(fields),
    });
  }

  /** Makes row `out.length`, already written, part of the batch, or folds it into the row before. False: out of order. */
  #place(out: BarColumns, line: number): boolean {
    const row = out.length;
    const follows =
      !this.#isOrdered ||
      row === 0 ||
      (out.symbol[row] === out.symbol[row - 1] && out.ts[row]! > out.ts[row - 1]!);
    const code = follows ? ROW_NEW : this.#order.place(out, row);
    if (code === ROW_GOES_BACK) {
      this.unordered = true;
      return false;
    }
    this.counters.recordsRead++;
    if (code === ROW_NEW) out.length++;
    else if (code === ROW_DUPLICATE) this.counters.duplicates++;
    else {
      this.counters.rejected++;
      this.#rejects.add(conflictOf(out, row - 1, this.#symbols.names));
      copyRow(out, row, out, row - 1);
      out.line[row - 1] = line;
    }
    return true;
  }
}

interface Body {
  readonly judge: Judge;
  readonly stamps: StampReader;
  readonly survey: Survey | null;
  readonly first: FirstRecords;
  readonly good: GoodRows;
  readonly decimal: '.' | ',';
}

function misfit(fields: readonly TableField[], { roles }: TableShape, symbolIsFixed: boolean): BackhaulError {
  return new BackhaulError({
    kind: 'not-a-bar-file',
    message: 'The columns are not those of this layout.',
    expected: `columns for ${roles.missing.join(', ') || requiredRoles({} as RecordShape, symbolIsFixed).join(', ')}`,
    found: fields
      .map(({ name }) => name)
      .join(', ')
      .slice(0, 500),
    hint: 'Is it of another layout? --layout names one; columns in a YAML file say what a table calls them.',
  });
}
