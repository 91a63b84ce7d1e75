/** Record batches of Apache Arrow as the scanner's columns: views, nothing is copied but what has another layout. */

import type { Data, DataType, Field, RecordBatch, Schema, Vector } from 'apache-arrow';
import { BackhaulError } from '../../../faults/fault.ts';
import type {
  Numbers,
  TableBatch,
  TableColumn,
  TableField,
  TextColumn,
} from '../../../scan/table/table_columns.ts';

// Arrow's own numbers (Schema.fbs), so that nothing of the package is needed to look at a type.
export const TYPE = {
  null: 1,
  int: 2,
  float: 3,
  binary: 4,
  utf8: 5,
  bool: 6,
  decimal: 7,
  date: 8,
  time: 9,
  timestamp: 10,
  largeBinary: 19,
  largeUtf8: 20,
} as const;
/** Lists, structs, unions, maps and the like: columns in columns. */
const NESTED: ReadonlySet<number> = new Set([12, 13, 14, 16, 17]);
const STAMP_UNITS = ['s', 'ms', 'us', 'ns'] as const;

/**
 * The columns of a table.
 * @throws BackhaulError `unsupported` where one is nested, or a decimal of more than 128 bits
 */
export function fieldsOf({ fields }: Schema): TableField[] {
  return fields.map(
    (field): TableField => ({ name: field.name, kind: kindOf(field), zoned: isZoned(field.type) }),
  );
}

function isZoned(type: DataType): boolean {
  const { timezone = null } = type as { timezone?: string | null };
  return type.typeId === TYPE.timestamp && timezone !== null && timezone !== '';
}

function kindOf({ name, type }: Field): TableColumn['kind'] {
  switch (type.typeId as number) {
    case TYPE.null:
      return 'none';
    case TYPE.int:
      return (type as unknown as { bitWidth: number }).bitWidth === 64 ? 'int64' : 'number';
    case TYPE.float:
      if ((type as unknown as { precision: number }).precision === 0)
        throw unsupported(name, type, 'a type that is not read');
      return 'number';
    case TYPE.binary:
    case TYPE.utf8:
    case TYPE.largeBinary:
    case TYPE.largeUtf8:
      return 'text';
    case TYPE.bool:
      return 'flag';
    case TYPE.decimal:
      if ((type as unknown as { bitWidth: number }).bitWidth !== 128)
        throw unsupported(
          name,
          type,
          'a decimal of a width that is not read',
          'decimals of at most 38 digits (128 bits)',
        );
      return 'decimal';
    case TYPE.date:
    case TYPE.timestamp:
      return 'stamp';
    case TYPE.time:
      return (type as unknown as { bitWidth: number }).bitWidth === 64 ? 'int64' : 'number';
    default:
      break;
  }
  const { dictionary } = type as { dictionary?: DataType };
  const words = dictionary?.typeId as number | undefined;
  if (words === TYPE.utf8 || words === TYPE.largeUtf8 || words === TYPE.binary) return 'dictionary';
  if (NESTED.has(type.typeId as number))
    throw unsupported(name, type, 'nested: it holds columns or lists of its own');
  throw unsupported(name, type, 'of a type that is not read');
}

function unsupported(
  name: string,
  type: DataType,
  what: string,
  expected = 'flat columns: numbers, text, dates and times',
): BackhaulError {
  return new BackhaulError({
    kind: 'unsupported',
    message: `the column ${name} is ${what}`,
    where: { field: name },
    expected,
    found: String(type).slice(0, 200),
    hint: 'Write the file again without it, or with it cast to a plain type.',
  });
}

/** Columns at these places of a batch. */
export function tableBatch(batch: RecordBatch, places: readonly number[]): TableBatch {
  return {
    rows: batch.numRows,
    columns: places.map((place) => columnOf(batch.data.children[place]!)),
  };
}

/** One column of a batch. */
export function columnOf(data: Data): TableColumn {
  const { type, offset } = data;
  const hasNulls =
    data.nullCount !== 0 &&
    data.nullBitmap !== undefined &&
    data.nullBitmap !== null &&
    data.nullBitmap.length > 0;
  const nullable = { valid: hasNulls ? (data.nullBitmap as Uint8Array) : null, validFrom: offset };
  const { dictionary } = type as { dictionary?: DataType };
  if (dictionary !== undefined && data.dictionary !== undefined)
    return { kind: 'dictionary', ...nullable, codes: codesOf(data.values), words: wordsOf(data.dictionary) };
  switch (type.typeId as number) {
    case TYPE.null:
      return { kind: 'none', ...nullable };
    case TYPE.bool:
      return { kind: 'flag', ...nullable, bits: data.values as Uint8Array, bitsFrom: offset };
    case TYPE.decimal:
      return {
        kind: 'decimal',
        ...nullable,
        words: wordsIn(data.values),
        scale: (type as unknown as { scale: number }).scale,
      };
    case TYPE.date:
      // Days, or milliseconds.
      return (type as unknown as { unit: number }).unit === 0
        ? { kind: 'stamp', ...nullable, words: data.values as Int32Array, unit: 'day32', zoned: false }
        : { kind: 'stamp', ...nullable, words: wordsIn(data.values), unit: 'ms', zoned: false };
    case TYPE.timestamp: {
      const unit = STAMP_UNITS[(type as unknown as { unit: number }).unit]!;
      return { kind: 'stamp', ...nullable, words: wordsIn(data.values), unit, zoned: isZoned(type) };
    }
    case TYPE.utf8:
    case TYPE.binary:
    case TYPE.largeUtf8:
    case TYPE.largeBinary:
      return textOf(data);
    default: {
      const { values } = data;
      if (values instanceof BigInt64Array || values instanceof BigUint64Array)
        return {
          kind: 'int64',
          ...nullable,
          words: wordsIn(values),
          isSigned: values instanceof BigInt64Array,
        };
      return { kind: 'number', ...nullable, values: values as Numbers };
    }
  }
}

function textOf(data: Data): TextColumn {
  const hasNulls =
    data.nullCount !== 0 &&
    data.nullBitmap !== undefined &&
    data.nullBitmap !== null &&
    data.nullBitmap.length > 0;
  const offsets = data.valueOffsets as unknown as Int32Array | BigInt64Array;
  return {
    kind: 'text',
    valid: hasNulls ? (data.nullBitmap as Uint8Array) : null,
    validFrom: data.offset,
    bytes: data.values as Uint8Array,
    offsets: offsets instanceof BigInt64Array ? Int32Array.from(offsets, Number) : offsets,
  };
}

/** A dictionary that came in several pieces as one. */
function wordsOf({ data }: Vector): TextColumn {
  if (data.length === 1) return textOf(data[0]!);
  const parts = data.map(textOf);
  const bytes = new Uint8Array(parts.reduce((sum, { offsets }) => sum + offsets.at(-1)! - offsets[0]!, 0));
  const offsets = [0];
  for (const part of parts) {
    const [first, last] = [part.offsets[0]!, part.offsets.at(-1)!];
    const start = offsets.at(-1)!;
    bytes.set(part.bytes.subarray(first, last), start);
    for (const offset of part.offsets.subarray(1)) offsets.push(start + offset - first);
  }
  return { kind: 'text', valid: null, validFrom: 0, bytes, offsets: Int32Array.from(offsets) };
}

function codesOf(values: unknown): Exclude<Numbers, Float64Array | Float32Array> {
  return values instanceof BigInt64Array || values instanceof BigUint64Array
    ? Int32Array.from(values, Number)
    : (values as Int32Array);
}

function wordsIn(values: unknown): Int32Array {
  const { buffer, byteOffset, byteLength } = values as Uint8Array;
  return new Int32Array(buffer, byteOffset, byteLength >> 2);
}
