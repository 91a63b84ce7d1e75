/** Whether the first records of a file are bars at all, and their stamps of the unit they were said to be. */

import { BackhaulError } from '../faults/fault.ts';
import { unitOfMagnitude } from './numeric_stamp.ts';
import type { RecordShape, RejectReason, ScanChecks, TimeUnit } from './shape.ts';
import { expectedStamp, stampHint } from './stamp_hint.ts';

/** How many records decide whether the stamps are of the unit they were said to be. */
const STAMP_SAMPLE = 64;
/** How many decide, where there is no header, whether this is a file of bars at all. */
const FIELD_SAMPLE = 16;

/** Reasons that say "this is no such record", rather than "this bar cannot be". */
const NO_RECORD: ReadonlySet<RejectReason> = new Set([
  'field-count',
  'number',
  'timestamp',
  'symbol',
  'nul-byte',
  'csv',
  'record-too-long',
]);

/** A record as the first records are remembered. */
export interface SampleRecord {
  readonly line: number;
  readonly byteOffset: number;
  readonly text: string;
}

const UNIT_US: Readonly<Record<'s' | 'ms' | 'us' | 'ns', number>> = { s: 1e6, ms: 1e3, us: 1, ns: 1e-3 };
const UNIT_NAMES: Readonly<Record<'s' | 'ms' | 'us' | 'ns', string>> = {
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
};

/**
 * Watches the first records of a file for the two ways in which a whole file is wrong, as against single records: it
 * holds no bars, or its stamps are of another unit.
 * @throws BackhaulError `not-a-bar-file` or `timestamp`
 */
export class FirstRecords {
  readonly #shape: RecordShape;
  readonly #checks: ScanChecks;
  readonly #hasHeader: boolean;
  #first: SampleRecord | null = null;
  #firstReason: RejectReason | null = null;
  #unreadable = 0;
  /** The first stamp that cannot be read. */
  badStamp: SampleRecord | null = null;
  #badStamps = 0;
  #firstOutside: (SampleRecord & { readonly us: number }) | null = null;
  #outside = 0;

  constructor(shape: RecordShape, checks: ScanChecks, hasHeader: boolean) {
    this.#shape = shape;
    this.#checks = checks;
    this.#hasHeader = hasHeader;
  }

  /** Record number `seen` (from 1) was set aside. */
  rejected(seen: number, reason: RejectReason, record: SampleRecord): void {
    if (seen > FIELD_SAMPLE || this.#hasHeader || !NO_RECORD.has(reason)) return;
    if (seen === 1) {
      this.#first = record;
      this.#firstReason = reason;
    }
    this.#unreadable++;
    if (this.#unreadable === FIELD_SAMPLE) this.#failNoBars();
  }

  /** Record number `seen` (from 1) has a stamp that cannot be read. */
  unreadable(seen: number, stamp: SampleRecord): void {
    this.badStamp ??= stamp;
    if (seen > FIELD_SAMPLE || !this.#hasHeader) return;
    if (++this.#badStamps === FIELD_SAMPLE) this.#failBadStamps(this.badStamp);
  }

  /** The stamp of record number `seen` (from 1) is `us`, outside all reason; `text` is the stamp's. */
  unreasonable(seen: number, us: number, stamp: SampleRecord): void {
    if (seen > STAMP_SAMPLE) return;
    this.#firstOutside ??= { ...stamp, us };
    this.#outside++;
    if (2 * this.#outside > STAMP_SAMPLE) this.#failStamps();
  }

  /** The input has ended after `seen` records. */
  end(seen: number): void {
    if (seen <= STAMP_SAMPLE && 2 * this.#outside > seen) this.#failStamps();
    if (seen > 0 && this.#unreadable === seen && this.#firstReason === 'field-count') this.#failNoBars();
  }

  #failBadStamps({ line, byteOffset, text }: SampleRecord): never {
    throw new BackhaulError({
      kind: 'timestamp',
      message: 'None of the first stamps can be read.',
      where: { line, byteOffset, field: 'time' },
      expected: expectedStamp(this.#shape),
      found: text,
      hint: stampHint(text, this.#shape),
    });
  }

  #failNoBars(): never {
    const first = this.#first!;
    if (this.#firstReason === 'timestamp' && this.badStamp !== null) {
      const { text, line, byteOffset } = this.badStamp;
      throw new BackhaulError({
        kind: 'not-a-bar-file',
        message: 'None of the first records is a bar of this layout: their stamps cannot be read.',
        where: { line, byteOffset, field: 'time' },
        expected: expectedStamp(this.#shape),
        found: text,
        hint: stampHint(text, this.#shape),
      });
    }
    throw new BackhaulError({
      kind: 'not-a-bar-file',
      message: 'None of the first records is a bar of this layout.',
      where: { line: first.line, byteOffset: first.byteOffset },
      expected: this.#shape.columns
        .map(({ role, names }) => (role === 'ignore' ? names[0] : role) ?? role)
        .join(this.#shape.delimiter),
      found: first.text.slice(0, 200),
      hint: 'Is it of another layout? --layout names one; columns in a YAML file say which field is what.',
    });
  }

  #failStamps(): never {
    const first = this.#firstOutside!;
    const digits = /\d+/.exec(first.text)?.[0].replace(/^0+(?=\d)/, '') ?? '';
    const given = this.#shape.time === 'magnitude' ? unitOfMagnitude(digits.length) : this.#shape.time;
    throw new BackhaulError({
      kind: 'timestamp',
      message: 'More than half of the first stamps lie outside all reason.',
      where: { line: first.line, byteOffset: first.byteOffset, field: 'time' },
      expected: `${unitName(given)} between ${iso(this.#checks.earliestUs)} and ${iso(this.#checks.latestUs)}`,
      found: `${first.text.slice(0, 100)}, which would be ${iso(first.us)}`,
      hint: this.#hint(digits, given),
    });
  }

  #hint(digits: string, given: TimeUnit): string {
    const { earliestUs, latestUs } = this.#checks;
    const unit = (['s', 'ms', 'us', 'ns'] as const).find((candidate) => {
      const us = Number(digits) * UNIT_US[candidate];
      return candidate !== given && us >= earliestUs && us <= latestUs && digits !== '';
    });
    if (unit === undefined)
      return "No unit puts it in range: check the layout's time column, or the file is damaged.";
    return `As ${UNIT_NAMES[unit]} it would be ${iso(Number(digits) * UNIT_US[unit])}: check the layout's time unit.`;
  }
}

function unitName(unit: TimeUnit): string {
  if (unit === 'text' || unit === 'magnitude') return 'a date';
  if (unit === 'excel') return 'days since 1899-12-30';
  return UNIT_NAMES[unit];
}

/** ISO 8601, or µs where no calendar reaches. */
function iso(us: number): string {
  const ms = us / 1000;
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${us} µs since 1970`;
}
