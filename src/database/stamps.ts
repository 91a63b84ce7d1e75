/** Stamps on their way between SQL and the µs since 1970 that the program counts in. */

/** SQL: µs since 1970, as a double. */
export const usOf = (expression: string): string =>
  `round(extract(epoch FROM ${expression}) * 1000000)::float8`;

/** SQL: µs since 1970 as timestamptz; exact, as to_timestamp(double) is not. */
export const stampOf = (parameter: string): string =>
  `('epoch'::timestamptz + ${parameter}::bigint * interval '1 us')`;
