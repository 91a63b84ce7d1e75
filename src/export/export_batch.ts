/** Decoded columns as an Apache Arrow record batch: what every format is written from. Copies no column of bars. */

import type * as Arrow from 'apache-arrow';
import type { DataType, Field, RecordBatch, Schema } from 'apache-arrow';
import { arrow } from '../bars/arrow.ts';
import type { ColumnKind, DecodedColumn } from '../copy/column_decoder.ts';

/** A column of `bars` that is exported. */
export interface ExportColumn {
  readonly name: string;
  readonly kind: ColumnKind;
}

/** What a row's ordinal stands for: one entry a series of the file, in the file's order. */
export interface SeriesColumns {
  readonly venue: readonly string[] | null;
  readonly symbol: readonly string[] | null;
  readonly intervalS: readonly number[];
}

/** Turns batches of one file into record batches of one schema. */
export class BatchBuilder {
  readonly schema: Schema;
  readonly #columns: readonly ExportColumn[];
  readonly #names: readonly {
    readonly codes: Int32Array;
    readonly vector: Arrow.Vector;
    readonly type: DataType;
  }[];
  readonly #intervals: Int32Array;

  /** `columns`: those of `bars` behind the ordinal, `ts` first. */
  constructor(
    columns: readonly ExportColumn[],
    series: SeriesColumns,
    metadata: ReadonlyMap<string, string>,
  ) {
    this.#columns = columns;
    const fields: Field[] = [];
    const names = [];
    for (const name of ['venue', 'symbol'] as const) {
      const values = series[name];
      if (values === null) continue;
      const distinct = [...new Set(values)];
      const at = new Map(distinct.map((value, index) => [value, index]));
      const type = new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32(), fields.length);
      fields.push(new arrow.Field(name, type, false));
      names.push({
        codes: Int32Array.from(values, (value) => at.get(value)!),
        vector: arrow.vectorFromArray(distinct, new arrow.Utf8()),
        type,
      });
    }
    this.#names = names;
    this.#intervals = Int32Array.from(series.intervalS);
    fields.push(new arrow.Field('interval_s', new arrow.Int32(), false));
    for (const { name, kind } of columns) fields.push(new arrow.Field(name, typeOf(kind), name !== 'ts'));
    this.schema = new arrow.Schema(fields, new Map(metadata));
  }

  /**
   * Rows `[0, length)`; `ordinals[row]` is 1 for the file's first series, and null says so of all rows. Valid until the
   * columns are filled anew.
   */
  batch(ordinals: Int32Array | null, decoded: readonly DecodedColumn[], length: number): RecordBatch {
    const children = this.#names.map(({ codes, vector, type }) =>
      arrow.makeData({
        type: type as Arrow.Dictionary<Arrow.Utf8, Arrow.Int32>,
        length,
        nullCount: 0,
        data: each(ordinals, length, codes),
        dictionary: vector,
      }),
    ) as Arrow.Data[];
    const plain = { length, nullCount: 0 };
    children.push(
      arrow.makeData({ type: new arrow.Int32(), ...plain, data: each(ordinals, length, this.#intervals) }),
    );
    for (let k = 0; k < this.#columns.length; k++) children.push(dataOf(decoded[k]!, length));
    const type = new arrow.Struct(this.schema.fields);
    return new arrow.RecordBatch(this.schema, arrow.makeData({ type, ...plain, children }));
  }
}

function each(ordinals: Int32Array | null, length: number, table: Int32Array): Int32Array {
  if (ordinals === null) return new Int32Array(length).fill(table[0]!);
  const values = new Int32Array(length);
  for (let row = 0; row < length; row++) values[row] = table[ordinals[row]! - 1]!;
  return values;
}

function typeOf(kind: ColumnKind): DataType {
  switch (kind) {
    case 'int32':
      return new arrow.Int32();
    case 'int64':
      return new arrow.Int64();
    case 'float64':
      return new arrow.Float64();
    case 'timestamp':
      return new arrow.TimestampMicrosecond('UTC');
    case 'text':
      return new arrow.Utf8();
  }
}

function dataOf(column: DecodedColumn, length: number): Arrow.Data {
  const { kind, nullCount, values } = column;
  const nulls = nullCount === 0 ? {} : { nullBitmap: column.validity.subarray(0, Math.ceil(length / 8)) };
  const shape = { length, nullCount, ...nulls };
  switch (kind) {
    case 'int32':
      return arrow.makeData({
        type: new arrow.Int32(),
        ...shape,
        data: (values as Int32Array).subarray(0, length),
      });
    case 'int64':
      return arrow.makeData({
        type: new arrow.Int64(),
        ...shape,
        data: (values as BigInt64Array).subarray(0, length),
      });
    case 'float64':
      return arrow.makeData({
        type: new arrow.Float64(),
        ...shape,
        data: (values as Float64Array).subarray(0, length),
      });
    case 'timestamp':
      return arrow.makeData({
        type: new arrow.TimestampMicrosecond('UTC'),
        ...shape,
        data: (values as BigInt64Array).subarray(0, length),
      });
    case 'text':
      return arrow.makeData({
        type: new arrow.Utf8(),
        ...shape,
        valueOffsets: column.offsets.subarray(0, length + 1),
        data: (values as Uint8Array).subarray(0, column.offsets[length]!),
      });
  }
}
