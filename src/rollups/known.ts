import type { Range } from '../base/ranges.ts';
import type { BucketGrid } from '../buckets/bucket_grid.ts';
import { JOINED_US, joined, knownFrom } from '../buckets/covered.ts';
import type { Db } from '../database/connect.ts';
import { stampOf, usOf } from '../database/stamps.ts';

/**
 * What is known of a series around a range, in joined stretches: by the coverage of its loaded files and by `more`, the
 * ranges of one that is about to be. µs since 1970.
 */
export async function knownStretches(
  db: Db,
  seriesId: number,
  around: Range,
  days: BucketGrid,
  more: readonly Range[],
): Promise<Range[]> {
  const { rows } = await db.query<{
    from: number;
    to: number;
    file: number | null;
    want: number | null;
  }>(
    `SELECT ${usOf('lower(c.covered)')} AS from, ${usOf('upper(c.covered)')} AS to,
       (t.plan->>'fileFromUs')::float8 AS file, (t.plan->>'wantFromUs')::float8 AS want
     FROM backhaul.coverage c JOIN backhaul.task t USING (task_id)
     WHERE c.series_id = $1 AND NOT isempty(c.covered)
       AND c.covered && tstzrange(${stampOf('$2')}, ${stampOf('$3')})`,
    [seriesId, around.fromUs - 2 * JOINED_US, around.toUs + 2 * JOINED_US],
  );
  const ranges = rows.map(({ from, to, file, want }) => ({
    fromUs: knownFrom({ firstUs: from, fileFromUs: file, wantFromUs: want, intervalUs: 0 }, days),
    toUs: to,
  }));
  return joined([...ranges, ...more]);
}
