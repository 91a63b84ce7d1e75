/** What files of tables begin with, and end in. */

export const PARQUET_MAGIC = 'PAR1';
/** Of an Arrow file; padded to 8 bytes where it begins. */
export const ARROW_MAGIC = 'ARROW1';
