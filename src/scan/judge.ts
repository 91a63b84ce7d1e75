import type { BarColumns } from '../bars/columns.ts';
import type { Zone } from '../base/zone.ts';
import type { FieldList } from './csv_record.ts';
import { isOnGrid } from './grid.ts';
import { type ColumnRoles, isNumberRole } from './header.ts';
import { parseNumber, trimEnd, trimStart } from './numbers.ts';
import { recordText } from './record_text.ts';
import type { RecordShape, RejectReason, Role, ScanChecks } from './shape.ts';
import { SYMBOL_INVALID, SYMBOL_NOT_ASKED, type SymbolTable } from './symbols.ts';
import { parseStamp } from './time.ts';

/** What is to become of a record. */
export type Verdict = 'row' | 'outside' | 'reject';

const PRICES = ['open', 'high', 'low', 'close'] as const;

/**
 * The rules, one record at a time, in this order: NUL bytes, number of fields, asked-for symbol, stamp, wanted range,
 * symbol, numbers from left to right, then what the numbers say. The fast path knows only what a good record is.
 */
export class Judge {
  /** Of the last record found a `reject`. */
  reason: RejectReason = 'number';
  /** Role of the field at fault, or `''`. */
  field: Role | '' = '';
  /** Stamp of the last record; NaN when it has none. */
  us = Number.NaN;
  readonly #columns: ColumnRoles;
  readonly #shape: RecordShape;
  readonly #checks: ScanChecks;
  readonly #symbols: SymbolTable;
  readonly #timeZone: Zone;
  readonly #gridZone: Zone;
  readonly #timeColumn: number;
  readonly #symbolColumn: number;

  constructor(
    columns: ColumnRoles,
    shape: RecordShape,
    checks: ScanChecks,
    symbols: SymbolTable,
    timeZone: Zone,
    gridZone: Zone,
  ) {
    this.#columns = columns;
    this.#shape = shape;
    this.#checks = checks;
    this.#symbols = symbols;
    this.#timeZone = timeZone;
    this.#gridZone = gridZone;
    this.#timeColumn = columns.roles.indexOf('time');
    this.#symbolColumn = columns.roles.indexOf('symbol');
  }

  /** Judges a record and writes it to row `out.length`, which must exist; `out.length` is left as it is. */
  judge(fields: FieldList, out: BarColumns): Verdict {
    const { bytes, starts, ends } = fields;
    const row = out.length;
    const count = this.#columns.roles.length;
    this.us = Number.NaN;
    const trails = fields.count === count + 1 && fields.isEmpty(count);
    if (fields.count !== count && !trails) return this.#reject('field-count', '');

    const ordinal = this.#ordinal(fields);
    if (ordinal === SYMBOL_NOT_ASKED) return 'outside';
    const us = parseStamp(
      bytes,
      starts[this.#timeColumn]!,
      ends[this.#timeColumn]!,
      this.#shape.time,
      this.#timeZone,
    );
    this.us = us;
    const { earliestUs, latestUs, wantFromUs, wantToUs } = this.#checks;
    if (!(us >= earliestUs && us <= latestUs)) return this.#reject('timestamp', 'time');
    if (us < wantFromUs || us >= wantToUs) return 'outside';
    if (ordinal === SYMBOL_INVALID) return this.#reject('symbol', 'symbol');
    out.symbol[row] = ordinal;
    out.ts[row] = us;
    return this.#numbers(fields, out, row) && this.#rules(out, row) ? 'row' : 'reject';
  }

  /** The text of a record's stamp, at most 100 characters. */
  stampText({ bytes, starts, ends }: FieldList): string {
    return recordText(bytes, starts[this.#timeColumn]!, ends[this.#timeColumn]!, 100);
  }

  #reject(reason: RejectReason, field: Role | ''): 'reject' {
    this.reason = reason;
    this.field = field;
    return 'reject';
  }

  #broken(reason: RejectReason, field: Role | ''): boolean {
    if (this.#checks.onInvalid === 'keep') return true;
    this.#reject(reason, field);
    return false;
  }

  #ordinal({ bytes, starts, ends }: FieldList): number {
    if (this.#symbolColumn < 0) return 0;
    const end = ends[this.#symbolColumn]!;
    const start = trimStart(bytes, starts[this.#symbolColumn]!, end);
    return this.#symbols.ordinal(bytes, start, trimEnd(bytes, start, end));
  }

  #numbers({ bytes, starts, ends }: FieldList, out: BarColumns, row: number): boolean {
    const { roles, optional } = this.#columns;
    out.trades[row] = Number.NaN;
    for (let i = 0; i < roles.length; i++) {
      const role = roles[i]!;
      if (!isNumberRole(role)) continue;
      const start = starts[i]!;
      const end = ends[i]!;
      if (optional[i] && isNull(bytes, start, end)) continue;
      // + 0 makes of -0 the 0 that equals it.
      const value = parseNumber(bytes, start, end) + 0;
      if (Number.isNaN(value)) {
        this.#reject('number', role);
        return false;
      }
      if (role === 'trades' && !Number.isSafeInteger(value)) {
        this.#reject('trades', role);
        return false;
      }
      out[role][row] = value;
    }
    return true;
  }

  /** The rules `onInvalid: 'keep'` waives. */
  #rules(out: BarColumns, row: number): boolean {
    const { fileFromUs, fileToUs, grid, intervalUs } = this.#checks;
    const us = out.ts[row]!;
    if (us < fileFromUs || us >= fileToUs) return this.#broken('outside-file-range', 'time');
    if (!isOnGrid(us, grid, intervalUs, this.#gridZone)) return this.#broken('off-grid', 'time');
    for (const role of PRICES) {
      const price = out[role][row]!;
      if (!(price > 0 && price < Number.POSITIVE_INFINITY)) return this.#broken('price', role);
    }
    if (out.high[row]! < Math.max(out.open[row]!, out.close[row]!)) return this.#broken('high-low', 'high');
    if (out.low[row]! > Math.min(out.open[row]!, out.close[row]!)) return this.#broken('high-low', 'low');
    const volume = out.volume[row]!;
    if (!(volume >= 0 && volume < Number.POSITIVE_INFINITY)) return this.#broken('volume', 'volume');
    return out.trades[row]! < 0 ? this.#broken('trades', 'trades') : true;
  }
}

/** Empty, `NULL` or `null`, blanks around it allowed. */
function isNull(bytes: Uint8Array, start: number, end: number): boolean {
  const first = trimStart(bytes, start, end);
  const last = trimEnd(bytes, first, end);
  if (first === last) return true;
  if (last - first !== 4) return false;
  const lower = bytes[first]! & 0x20;
  const word = lower === 0 ? 'NULL' : 'null';
  for (let i = 0; i < 4; i++) if (bytes[first + i] !== word.charCodeAt(i)) return false;
  return true;
}
