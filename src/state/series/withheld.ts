/** Indicators that bars of a series may lack because they were not asked for, in `series.withheld`: a bit each. */

import type { ClientBase } from 'pg';

const ALL = (flags: readonly boolean[]): number => 2 ** flags.length - 1;

/** A bit each indicator that is asked for, the first the lowest. */
export function maskOf(asked: readonly boolean[]): number {
  return asked.reduce((mask, isAsked, k) => (isAsked ? mask + 2 ** k : mask), 0);
}

/** Notes that the series have been given bars without the indicators that were not asked for. */
export async function noteWithheld(
  client: ClientBase,
  seriesIds: Int32Array,
  asked: readonly boolean[],
): Promise<void> {
  const lacking = ALL(asked) - maskOf(asked);
  if (lacking === 0 || seriesIds.length === 0) return;
  await client.query(
    `UPDATE backhaul.series s SET withheld = s.withheld | $2 FROM (
       SELECT series_id FROM backhaul.series WHERE series_id = ANY ($1) AND withheld & $2 <> $2
       ORDER BY series_id FOR NO KEY UPDATE) o
     WHERE s.series_id = o.series_id`,
    [[...seriesIds], lacking],
  );
}

/** Notes that all bars of the series have the indicators that were asked for. */
export async function noteGiven(
  client: ClientBase,
  seriesIds: readonly number[],
  asked: readonly boolean[],
): Promise<void> {
  await client.query(
    `UPDATE backhaul.series SET withheld = withheld & ~$2::int WHERE series_id = ANY ($1) AND withheld & $2 <> 0`,
    [seriesIds, maskOf(asked)],
  );
}
