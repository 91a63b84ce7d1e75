/** Which columns of a Parquet file are read page by page, and as what. The others take Apache Arrow's way. */

import type { ColumnMetaData, FileMetaData, SchemaElement } from 'hyparquet';
import type { StampColumn, TableField } from '../../../scan/table/table_columns.ts';

/** What the values of a column are: `bytes` each in the file, `out` as they are handed on. */
export type PageValues =
  | { readonly kind: 'number'; readonly bytes: 4 | 8; readonly of: 'float' | 'int' | 'uint' }
  | { readonly kind: 'int64'; readonly bytes: 8; readonly isSigned: boolean }
  | {
      readonly kind: 'stamp';
      readonly bytes: 4 | 8;
      readonly unit: StampColumn['unit'];
      readonly zoned: boolean;
    }
  | { readonly kind: 'decimal'; readonly bytes: number; readonly isBig: boolean; readonly scale: number }
  | { readonly kind: 'text' };

export interface PageColumn {
  readonly name: string;
  readonly values: PageValues;
  readonly mayBeNull: boolean;
}

const UNITS: Readonly<Record<string, 'ms' | 'us' | 'ns'>> = { MILLIS: 'ms', MICROS: 'us', NANOS: 'ns' };
const ENCODINGS: ReadonlySet<string> = new Set(['PLAIN', 'RLE', 'PLAIN_DICTIONARY', 'RLE_DICTIONARY']);
/** Bytes of values apart, as `export` writes prices: of numbers of 4 and 8 bytes. */
const SPLIT = 'BYTE_STREAM_SPLIT';
const CODECS: ReadonlySet<string> = new Set(['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'ZSTD']);

/** Null where a column is not so read. `field`: what Apache Arrow takes it for; the two must agree. */
export function pageColumn({ schema }: FileMetaData, field: TableField): PageColumn | null {
  const named = schema.slice(1).filter(({ name }) => name === field.name);
  const [element] = named;
  if (named.length !== 1 || element === undefined || element.repetition_type === 'REPEATED') return null;
  const values = valuesOf(element, field.zoned);
  const isSame = values?.kind === field.kind || (values?.kind === 'text' && field.kind === 'dictionary');
  if (values === null || !isSame) return null;
  return { name: field.name, values, mayBeNull: element.repetition_type === 'OPTIONAL' };
}

/** The place of a column in a row group; null where it is not of those that are read page by page. */
export function pageChunk(
  { row_groups }: FileMetaData,
  group: number,
  { name, values }: PageColumn,
): { readonly start: number; readonly end: number; readonly meta: ColumnMetaData } | null {
  const chunk = row_groups[group]!.columns.find(
    ({ meta_data: meta }) => meta?.path_in_schema.length === 1 && meta.path_in_schema[0] === name,
  );
  const meta = chunk?.meta_data;
  if (meta === undefined || !CODECS.has(meta.codec) || chunk?.file_path) return null;
  const maySplit = values.kind !== 'text' && values.kind !== 'decimal';
  const isRead = (encoding: string): boolean => ENCODINGS.has(encoding) || (maySplit && encoding === SPLIT);
  if (!meta.encodings.every(isRead)) return null;
  const first = Number(meta.dictionary_page_offset ?? 0n) || Number(meta.data_page_offset);
  const start = Math.min(first, Number(meta.data_page_offset));
  return { start, end: start + Number(meta.total_compressed_size), meta };
}

function valuesOf(element: SchemaElement, zoned: boolean): PageValues | null {
  const { type, converted_type: converted, logical_type: logical } = element;
  const isDecimal = logical?.type === 'DECIMAL' || converted === 'DECIMAL';
  const scale = element.scale ?? (logical?.type === 'DECIMAL' ? logical.scale : 0);
  const isUnsigned =
    logical?.type === 'INTEGER' ? !logical.isSigned : converted?.startsWith('UINT_') === true;
  switch (type) {
    case 'DOUBLE':
      return { kind: 'number', bytes: 8, of: 'float' };
    case 'FLOAT':
      return { kind: 'number', bytes: 4, of: 'float' };
    case 'INT32':
      if (isDecimal) return { kind: 'decimal', bytes: 4, isBig: false, scale };
      if (logical?.type === 'DATE' || converted === 'DATE')
        return { kind: 'stamp', bytes: 4, unit: 'day32', zoned: false };
      return { kind: 'number', bytes: 4, of: isUnsigned ? 'uint' : 'int' };
    case 'INT64': {
      if (isDecimal) return { kind: 'decimal', bytes: 8, isBig: false, scale };
      const unit =
        logical?.type === 'TIMESTAMP'
          ? UNITS[logical.unit]
          : { TIMESTAMP_MILLIS: 'ms' as const, TIMESTAMP_MICROS: 'us' as const }[String(converted)];
      return unit === undefined
        ? { kind: 'int64', bytes: 8, isSigned: !isUnsigned }
        : { kind: 'stamp', bytes: 8, unit, zoned };
    }
    case 'FIXED_LEN_BYTE_ARRAY': {
      const bytes = element.type_length ?? 0;
      return isDecimal && bytes >= 1 && bytes <= 16 ? { kind: 'decimal', bytes, isBig: true, scale } : null;
    }
    case 'BYTE_ARRAY':
      return isDecimal ? null : { kind: 'text' };
    default:
      return null;
  }
}
