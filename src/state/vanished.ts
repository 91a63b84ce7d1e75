import type { Db } from '../database/connect.ts';

/**
 * Objects below `prefix` (a URI) that were loaded and that a complete listing has not seen any more. They are never
 * unloaded: a bucket that is tidied up is no reason to lose bars. Sorted; the listing's URIs are `seen`.
 */
export async function vanishedObjects(
  db: Db,
  prefix: string,
  seen: ReadonlySet<string>,
): Promise<readonly string[]> {
  const { rows } = await db.query<{ uri: string }>(
    `SELECT DISTINCT uri FROM backhaul.task WHERE starts_with(uri, $1) AND state = 'loaded' ORDER BY uri`,
    [prefix],
  );
  return rows.map((row) => row.uri).filter((uri) => !seen.has(uri));
}
