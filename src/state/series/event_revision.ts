/**
 * The revision of a venue's events: the number of the last transaction that changed them, 0 before the first. What a
 * program remembers of the indicator states of a lane holds for one revision; so the tasks of a lane that are loaded are
 * counted with the revision put in front: either of them another number is another count.
 */

/** Tasks of a lane come nowhere near. */
const STEP = 1_000_000_000;

/** SQL: the revision of the events of a venue, which is an SQL expression. */
function eventRevision(venue: string): string {
  return `coalesce((SELECT max(change_id) FROM backhaul.event_change c WHERE c.venue = ${venue}), 0)`;
}

/** SQL: a turn of a lane with the revision of its venue put in front. */
export function withRevision(loaded: string, venue: string): string {
  return `(${loaded}) + ${STEP} * ${eventRevision(venue)}`;
}

/** The revision in such a number. */
export function revisionOf(loaded: number): number {
  return Math.floor(loaded / STEP);
}
