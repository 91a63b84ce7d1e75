/** Addresses that are secrets: whoever has one may read. They would be stored with every task, so they are refused. */

const SECRET_PARAMETER =
  /^(x-amz-|x-goog-)?(signature|credential|security-token)$|^(sig|token|access_token|key|api_?key|apikey|password)$/i;

/** The name of a query's parameter that holds a signature or a key; null where there is none. */
export function secretParameter(query: string): string | null {
  return [...new URLSearchParams(query).keys()].find((name) => SECRET_PARAMETER.test(name)) ?? null;
}
