/** A batch as an Apache Arrow record batch: the form in which rows pass between stages. Copies nothing. */

import type { Dictionary, Float64, Int32, RecordBatch, Schema } from 'apache-arrow';
import { arrow } from './arrow.ts';
import { type BarColumns, type Bars, INDICATOR_NAMES } from './columns.ts';

const FLOATS = ['ts', 'open', 'high', 'low', 'close', 'volume', 'trades', ...INDICATOR_NAMES] as const;

const seriesType = new arrow.Dictionary(new arrow.Int32(), new arrow.Int32(), 0, true);
const float = new arrow.Float64();

type BatchTypes = { series_id: Dictionary<Int32, Int32> } & Record<(typeof FLOATS)[number], Float64>;

/**
 * The columns of `bars`, by name and in order. `series_id` is a dictionary: the file's symbol ordinals as its indices.
 * `ts` is µs since 1970-01-01 UTC and, like `trades`, a double as everywhere inside; NaN stands for NULL.
 */
export const BATCH_SCHEMA: Schema<BatchTypes> = new arrow.Schema<BatchTypes>([
  new arrow.Field('series_id', seriesType, false),
  ...FLOATS.map(
    (name) =>
      new arrow.Field(
        name,
        float,
        false,
        new Map(name === 'ts' ? [['unit', 'us since 1970-01-01 UTC']] : []),
      ),
  ),
]);

const structType = new arrow.Struct<BatchTypes>(BATCH_SCHEMA.fields);

/** Bars with their indicators on the way from the computing stages to a sink. */
export type BarBatch = RecordBatch<BatchTypes>;

/**
 * Rows [from, to) of `cols` as a record batch over the very same memory: it holds until the batch is filled anew.
 * `seriesIds[ordinal]` is the series_id of a symbol.
 */
export function toRecordBatch(cols: BarColumns, seriesIds: Int32Array, from: number, to: number): BarBatch {
  const { ts, open, high, low, close, volume, trades, indicators } = cols;
  const length = to - from;
  const series = arrow.makeData({
    type: seriesType,
    length,
    nullCount: 0,
    data: cols.symbol.subarray(from, to),
    dictionary: arrow.makeVector(seriesIds),
  });
  const floats = [ts, open, high, low, close, volume, trades, ...indicators].map((column) =>
    arrow.makeData({ type: float, length, nullCount: 0, data: column.subarray(from, to) }),
  );
  const data = arrow.makeData({ type: structType, length, nullCount: 0, children: [series, ...floats] });
  return new arrow.RecordBatch(BATCH_SCHEMA, data);
}

/**
 * The typed arrays of a batch made by {@link toRecordBatch}, for the loops that read every value: going through Arrow's
 * vectors would cost a call a value. `seriesIds` maps `bars.symbol` to series_id.
 */
export function barsOf(batch: BarBatch): { readonly bars: Bars; readonly seriesIds: Int32Array } {
  const [series, ...floats] = batch.data.children;
  const [ts, open, high, low, close, volume, trades, ...indicators] = floats.map(
    (column) => column.values as Float64Array,
  );
  return {
    bars: {
      symbol: series!.values as Int32Array,
      ts: ts!,
      open: open!,
      high: high!,
      low: low!,
      close: close!,
      volume: volume!,
      trades: trades!,
      indicators,
    },
    seriesIds: series!.dictionary!.data[0]!.values as Int32Array,
  };
}
