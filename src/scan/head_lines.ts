/** The lines before the first record. */

import { BackhaulError } from '../faults/fault.ts';
import type { FieldList } from './csv_record.ts';
import { type ColumnRoles, requiredRoles, rolesByHeader, rolesByPosition } from './header.ts';
import { encodingHint } from './record_text.ts';
import type { RecordShape } from './shape.ts';
import type { StampReader } from './stamp_reader.ts';

const text = new TextDecoder();

interface Place {
  readonly line: number;
  readonly byteOffset: number;
}

/** What ends the head of a file: its header, or the first record of a file without one. */
export interface HeadEnd {
  readonly columns: ColumnRoles;
  readonly isHeader: boolean;
}

/**
 * Reads the lines before the first record: preamble and header.
 * @throws BackhaulError `not-a-bar-file`
 */
export class HeadLines {
  readonly #shape: RecordShape;
  readonly #symbolIsFixed: boolean;
  readonly #stamps: StampReader;
  readonly #byPosition: ColumnRoles;
  #preambleLeft: number;
  /** The line most like a header so far. */
  #best: { readonly known: number; readonly text: string; readonly place: Place } | null = null;

  /** `stamps`: reads those of records whose columns are where the shape says. */
  constructor(shape: RecordShape, symbolIsFixed: boolean, stamps: StampReader) {
    this.#shape = shape;
    this.#symbolIsFixed = symbolIsFixed;
    this.#stamps = stamps;
    this.#preambleLeft = shape.preamble;
    this.#byPosition = rolesByPosition(shape, symbolIsFixed);
  }

  /**
   * Looks at one line; `fields` is null when it is no CSV. Null when the line is done with, else what the columns are;
   * a line that is no header is then the first record.
   */
  read(fields: FieldList | null, line: string, place: Place): HeadEnd | null {
    const isRecord = fields !== null && this.#isRecord(fields);
    if (this.#shape.header === 'none' || (this.#shape.header === 'optional' && isRecord)) {
      return isRecord || this.#preambleLeft-- <= 0 ? this.#withoutHeader() : null;
    }
    const columns = rolesByHeader(namesOf(fields), this.#shape, this.#symbolIsFixed, !isRecord);
    if (columns.missing.length === 0) return { columns, isHeader: true };
    if (columns.known > (this.#best?.known ?? -1)) this.#best = { known: columns.known, text: line, place };
    if (this.#preambleLeft-- > 0) return null;
    // One name may be chance, in a damaged first record; two are a header.
    if (this.#shape.header === 'optional' && this.#best!.known < 2) return this.#withoutHeader();
    return this.#fail();
  }

  /** The input has ended within the head: fine when there was nothing at all. */
  end(): void {
    if (this.#best !== null && this.#shape.header === 'required') this.#fail();
  }

  /** As many fields as columns, and a stamp where one belongs. */
  #isRecord(fields: FieldList): boolean {
    const time = this.#stamps.lastColumn;
    return time >= 0 && time < fields.count && this.#stamps.isStamp(fields);
  }

  #withoutHeader(): HeadEnd {
    const columns = this.#byPosition;
    if (columns.missing.length > 0) {
      throw new BackhaulError({
        kind: 'usage',
        message: 'The layout cannot read a file without a header: it does not say where every column is.',
        expected: `columns for ${requiredRoles(this.#shape, this.#symbolIsFixed).join(', ')}`,
        found: `none for ${columns.missing.join(', ')}`,
      });
    }
    return { columns, isHeader: false };
  }

  #fail(): never {
    const best = this.#best!;
    const required = requiredRoles(this.#shape, this.#symbolIsFixed);
    const columns = this.#shape.columns.filter(({ role }) => required.includes(role));
    throw new BackhaulError({
      kind: 'not-a-bar-file',
      message: 'The header is not one of this layout.',
      where: best.place,
      expected: `a header with ${columns.map(({ role, names }) => names[0] ?? role).join(', ')}`,
      found: best.text,
      hint:
        encodingHint(best.text, this.#shape) ??
        'Is it of another layout? --layout names one; columns in a YAML file say what a header calls them.',
    });
  }
}

function namesOf(fields: FieldList | null): string[] {
  if (fields === null) return [];
  return Array.from({ length: fields.count }, (_, i) =>
    text.decode(fields.bytes.subarray(fields.starts[i], fields.ends[i])),
  );
}
