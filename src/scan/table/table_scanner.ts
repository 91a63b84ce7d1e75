import type { BarColumns } from '../../bars/columns.ts';
import { Zone } from '../../base/zone.ts';
import { BackhaulError } from '../../faults/fault.ts';
import { FieldList } from '../csv_record.ts';
import { FirstRecords } from '../first_records.ts';
import { gridZoneName } from '../grid.ts';
import { requiredRoles } from '../header.ts';
import { copyRow } from '../held_row.ts';
import { Judge } from '../judge.ts';
import { FIRST_READING, type Reading, type RecordRules, RecordScanner } from '../record_scanner.ts';
import { recordText } from '../record_text.ts';
import { RowOrder } from '../row_order.ts';
import type { RecordShape, ScanChecks } from '../shape.ts';
import { StampReader } from '../stamp_reader.ts';
import { Survey } from '../survey.ts';
import type { SymbolTable } from '../symbol_table.ts';
import { GoodRows } from './good_rows.ts';
import type { TableBatch, TableField } from './table_columns.ts';
import { type TableShape, tableShape } from './table_shape.ts';
import { textOf } from './texts.ts';

const utf8 = new TextEncoder();

/**
 * Rows of a table in, columns of bars out, by the rules of the scanner of CSV: good rows are told column by column
 * ({@link GoodRows}), any other is shown to the judge as the text a CSV would have for it. Rejects name the row, from 1,
 * as their line. What is said of {@link Scanner} of the held row, of `unordered`, `need` and of errors holds here too.
 */
export class TableScanner extends RecordScanner<Body> {
  readonly #shape: RecordShape;
  readonly #checks: ScanChecks;
  readonly #gridZone: Zone;
  /** Rows of earlier batches. */
  #before = 0;

  constructor(
    shape: RecordShape,
    checks: ScanChecks,
    symbols: SymbolTable,
    order: 'time' | 'symbol-time' | 'any',
    reading: Reading = FIRST_READING,
  ) {
    super(symbols, new RowOrder(order, symbols), reading);
    this.#shape = shape;
    this.#checks = checks;
    this.#gridZone = new Zone(gridZoneName(checks, shape));
  }

  /**
   * The columns to be read, by their places in the table.
   * @throws BackhaulError `not-a-bar-file` where some are missing
   */
  begin(fields: readonly TableField[]): readonly number[] {
    const table = tableShape(fields, this.#shape, this.symbols.isFixed);
    if (table.roles.missing.length > 0) throw misfit(fields, table, this.symbols.isFixed);
    const { shape, roles } = table;
    const { survey, facts } = this.reading;
    const stamps = new StampReader(
      roles,
      shape,
      this.#checks,
      new Zone(shape.timeZone),
      this.#gridZone,
      facts,
    );
    const judge = new Judge(roles, shape, this.#checks, this.symbols, stamps, this.#gridZone);
    this.rules = {
      judge,
      stamps,
      survey: survey === null ? null : new Survey(survey, stamps, this.#checks, facts),
      first: new FirstRecords(shape, this.#checks, true),
      good: new GoodRows(roles, shape, this.#checks, this.symbols, stamps, this.#gridZone),
      decimal: shape.numbers?.decimal ?? '.',
    };
    return table.places;
  }

  /** Reads rows from `from` on, as many as `out` has room for. Returns how many. */
  push(batch: TableBatch, from: number, out: BarColumns): number {
    const { survey, good } = this.rules!;
    const rows = Math.min(batch.rows - from, out.capacity - out.length);
    if (survey !== null) {
      for (let row = from; row < from + rows && !this.hasStopped; row++) this.#show(survey, batch, row);
      return rows;
    }
    const base = out.length;
    good.fill(batch, from, rows, out);
    const line = this.#before + from + 1 - base;
    for (let at = base; at < base + rows; at++) {
      if (out.length === at) {
        const end = good.runTo(out, at, base + rows, line + at);
        out.length = end;
        this.counters.recordsRead += end - at;
        if (end === base + rows) break;
        at = end;
      }
      if (good.isOutside(at)) this.counters.outside++;
      else if (good.isGood(out, at)) {
        const row = out.length;
        if (row !== at) copyRow(out, at, out, row);
        if (!this.place(out, line + at, 0)) return at - base;
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
    if (!this.hasStopped && this.rules?.survey === null) this.rules.first.end(this.seen);
  }

  #texts(batch: TableBatch, row: number): string[] {
    const { decimal } = this.rules!;
    return batch.columns.map((column) => textOf(column, row, decimal));
  }

  /** False: it is out of order, or cannot be read yet. */
  #judge(batch: TableBatch, row: number, line: number, out: BarColumns): boolean {
    const { judge } = this.rules!;
    const texts = this.#texts(batch, row);
    const fields = FieldList.of(texts);
    judge.line = line;
    const verdict = judge.judge(fields, out);
    const text = verdict === 'reject' ? textAsCsv(texts) : '';
    return this.settle(verdict, fields, { line, byteOffset: 0 }, out, text);
  }

  #show(survey: Survey, batch: TableBatch, row: number): void {
    const place = { line: this.#before + row + 1, byteOffset: 0 };
    this.survey(survey, FieldList.of(this.#texts(batch, row)), place);
  }
}

function textAsCsv(texts: readonly string[]): string {
  const bytes = utf8.encode(texts.join(','));
  return recordText(bytes, 0, bytes.length);
}

interface Body extends RecordRules {
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
