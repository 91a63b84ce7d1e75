import type { TableBatch, TableField } from '../../../scan/table/table_columns.ts';

/** A file of columns, opened: what it holds is known, its rows come a batch at a time. */
export interface TableFile {
  readonly fields: readonly TableField[];
  readonly metadata: ReadonlyMap<string, string>;
  /** Null where only reading it would tell. */
  readonly rows: number | null;
  /** The rows, with the columns at these places alone; `limit`: the first so many. */
  batches(places: readonly number[], limit?: number): AsyncGenerator<TableBatch, void, undefined>;
}
