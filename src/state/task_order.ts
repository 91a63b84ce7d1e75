/**
 * The order of a lane, which is also the order of claims: sequence (unknown first), then name by bytes. As SQL over
 * an alias of `backhaul.task`, spelled exactly as in its indexes.
 */
export function orderKey(alias: string): string {
  return `coalesce(${alias}.sequence, '-9223372036854775808'::bigint), ${alias}.uri, coalesce(${alias}.entry, '')`;
}

/** `a` comes before `b` in their lane. */
export function isBefore(a: string, b: string): string {
  return `(${orderKey(a)}) < (${orderKey(b)})`;
}
