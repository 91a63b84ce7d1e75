import type { CalendarRule } from '../base/calendar_rule.ts';
import type { Range } from '../base/ranges.ts';
import type { BucketGrid } from '../buckets/bucket_grid.ts';
import { joined, knownFrom, NEVER_JOINED_US } from '../buckets/covered.ts';
import { joinsBy } from '../calendar/joined_files.ts';
import { calendarOf } from '../calendar/market_calendar.ts';
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
    venue: string;
    calendar: CalendarRule | null;
  }>(
    `SELECT ${usOf('lower(c.covered)')} AS from, ${usOf('upper(c.covered)')} AS to,
       (t.plan->>'fileFromUs')::float8 AS file, (t.plan->>'wantFromUs')::float8 AS want,
       s.venue, r.calendar
     FROM backhaul.coverage c JOIN backhaul.task t USING (task_id) JOIN backhaul.series s USING (series_id)
     LEFT JOIN backhaul.series_rule r USING (series_id)
     WHERE c.series_id = $1 AND NOT isempty(c.covered)
       AND c.covered && tstzrange(${stampOf('$2')}, ${stampOf('$3')})`,
    [seriesId, around.fromUs - 2 * NEVER_JOINED_US, around.toUs + 2 * NEVER_JOINED_US],
  );
  const ranges = rows.map(({ from, to, file, want }) => ({
    fromUs: knownFrom({ firstUs: from, fileFromUs: file, wantFromUs: want, intervalUs: 0 }, days),
    toUs: to,
  }));
  // Alone, a range has nothing to be joined with.
  if (rows.length === 0) return [...more];
  const { venue, calendar } = rows[0]!;
  return joined([...ranges, ...more], joinsBy(calendarOf(venue, calendar ?? undefined), days));
}
