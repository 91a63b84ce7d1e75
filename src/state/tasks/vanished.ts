/** Which objects on record a source no longer has. */

import type { Db } from '../../database/connect.ts';

/** URIs asked for in one go. */
const PAGE = 5_000;

/** Objects that a source no longer has. */
export interface Vanished {
  readonly count: number;
  /** The first of them by name. */
  readonly some: readonly string[];
}

/**
 * Objects of a source (its URI: the object itself, or a folder with all below it) that were loaded and that a complete
 * listing has not seen any more. They are never unloaded: a bucket that is tidied up is no reason to lose bars. Names
 * at most `most` of them.
 */
export async function vanishedObjects(
  db: Db,
  source: string,
  seen: { has(uri: string): boolean },
  most: number,
): Promise<Vanished> {
  const folder = source.endsWith('/') ? source : `${source}/`;
  const some: string[] = [];
  let count = 0;
  const look = (uris: readonly string[]): void => {
    for (const uri of uris) {
      if (seen.has(uri)) continue;
      count++;
      if (some.length < most) some.push(uri);
    }
  };
  look(await loadedAmong(db, source));
  for (let after = folder; ; ) {
    const page = await loadedBelow(db, folder, after);
    look(page);
    if (page.length < PAGE) return { count, some };
    after = page.at(-1)!;
  }
}

async function loadedAmong(db: Db, uri: string): Promise<string[]> {
  const { rows } = await db.query<{ uri: string }>(
    `SELECT DISTINCT uri FROM backhaul.task WHERE uri = $1 AND state = 'loaded'`,
    [uri],
  );
  return rows.map((row) => row.uri);
}

/** The next page of loaded objects whose URIs start with `folder`, by name. */
async function loadedBelow(db: Db, folder: string, after: string): Promise<string[]> {
  const { rows } = await db.query<{ uri: string }>(
    `SELECT DISTINCT uri FROM backhaul.task
     WHERE uri > $2 AND starts_with(uri, $1) AND state = 'loaded' ORDER BY uri LIMIT ${PAGE}`,
    [folder, after],
  );
  return rows.map((row) => row.uri);
}

/** What the URIs of all objects in a folder begin with. A folder of a longer name is another one. */
function below(base: string): string {
  return base.endsWith('/') ? base : `${base}/`;
}

/** Whether an object is the source itself or lies in it; both are URIs. */
export function isIn(uri: string, base: string): boolean {
  return uri === base || uri.startsWith(below(base));
}
