/**
 * Numbers as the text of an array parameter: of the thousands that a file of many series brings, the driver would quote
 * each by itself. null is NULL.
 */
export function arrayText(values: readonly (number | null)[]): string {
  // As text, `join` leaves nothing where there is null.
  return values.includes(null) ? `{${values.map((one) => one ?? 'NULL').join()}}` : `{${values.join()}}`;
}
