/**
 * Numbers as the text of an array parameter: of the thousands that a file of many series brings, the driver would quote
 * each by itself. null is NULL, and of an array of
 * doubles NaN is.
 */
export function arrayText(values: readonly (number | null)[] | Int32Array | Float64Array): string {
  if (values instanceof Int32Array) return `{${values.join()}}`;
  if (values instanceof Float64Array) return `{${values.join().replaceAll('NaN', 'NULL')}}`;
  // As text, `join` leaves nothing where there is null.
  return values.includes(null) ? `{${values.map((one) => one ?? 'NULL').join()}}` : `{${values.join()}}`;
}
