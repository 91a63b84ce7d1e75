/** Whether there are as many bars as the loaded files say they brought. */

import type { Db } from '../database/connect.ts';
import { standingAndBrought } from '../state/series/brought_rows.ts';
import type { Finding } from './findings.ts';

const COUNT = `
SELECT series_id AS id, count(*) AS bars
FROM (SELECT series_id FROM backhaul.bars UNION ALL SELECT series_id FROM backhaul.bars_bare) b GROUP BY series_id`;

/**
 * `bars` by series, where they have been counted already; `includes` says which lanes are asked for: a null symbol stands
 * for all of a venue.
 */
export async function checkRowCounts(
  db: Db,
  bars: ReadonlyMap<number, number> | null,
  includes: (venue: string, symbol: string | null, intervalS: number) => boolean,
): Promise<Finding[]> {
  const counts = bars ?? (await countBars(db));
  const rows = await standingAndBrought(db, counts);
  return rows
    .filter((row) => includes(row.venue, row.symbol, row.intervalS))
    .filter(({ bars, brought, blurred }) => (blurred ? bars < brought : bars !== brought))
    .map(({ venue, symbol, intervalS, bars, brought }) => ({
      check: 'rows' as const,
      kind: null,
      venue,
      symbol,
      intervalS,
      count: Math.abs(bars - brought),
      text: `${bars} bars stand, loaded files say ${brought}`,
      examples: [],
    }));
}

async function countBars(db: Db): Promise<Map<number, number>> {
  const { rows } = await db.query<{ id: number; bars: number }>(COUNT);
  return new Map(rows.map(({ id, bars }) => [id, bars]));
}
