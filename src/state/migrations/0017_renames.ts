/**
 * A symbol that was renamed is found under each of its names, where only one of them has bars; and the days of a series
 * that was made of shorter bars are those of the series it was made of.
 */
export const sql = `
-- The series that is meant: the same text, else in other case, else another spelling of the currency, else another name
-- of the company by the renames on record. NULL for none.
CREATE OR REPLACE FUNCTION backhaul.series_named(venue text, symbol text, "interval" text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
  seconds int := backhaul.interval_seconds($3);
  id int;
BEGIN
  SELECT series_id INTO id FROM backhaul.series s WHERE s.venue = $1 AND s.symbol = $2 AND s.interval_s = seconds;
  IF id IS NOT NULL THEN
    RETURN id;
  END IF;
  SELECT series_id INTO id FROM backhaul.series s
    WHERE s.venue = $1 AND upper(s.symbol) = upper($2) AND s.interval_s = seconds ORDER BY s.symbol LIMIT 1;
  IF id IS NOT NULL THEN
    RETURN id;
  END IF;
  SELECT series_id INTO id FROM backhaul.series s
    WHERE s.venue = $1 AND upper(s.symbol) = ANY (backhaul.spellings(upper($2))) AND s.interval_s = seconds
    ORDER BY s.symbol LIMIT 1;
  IF id IS NOT NULL THEN
    RETURN id;
  END IF;
  WITH RECURSIVE pair (a, b) AS (
    SELECT upper(e.symbol), upper(e.new_symbol) FROM backhaul.event e WHERE e.venue = $1 AND e.kind = 'rename'
    UNION SELECT upper(e.new_symbol), upper(e.symbol) FROM backhaul.event e WHERE e.venue = $1 AND e.kind = 'rename'),
  known (name) AS (
    SELECT upper($2) COLLATE "C" UNION SELECT pair.b FROM known JOIN pair ON pair.a = known.name)
  SELECT s.series_id INTO id FROM backhaul.series s JOIN known ON upper(s.symbol) = known.name
    WHERE s.venue = $1 AND s.interval_s = seconds ORDER BY s.symbol LIMIT 1;
  RETURN id;
END $$;

CREATE OR REPLACE FUNCTION backhaul.session_zone(series_id int) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce((
    SELECT t.plan->>'sessionZone' FROM backhaul.coverage c JOIN backhaul.task t USING (task_id)
    WHERE c.series_id = $1 AND t.plan ? 'sessionZone' ORDER BY lower(c.covered) DESC LIMIT 1), (
    SELECT t.plan->>'sessionZone' FROM backhaul.derivation d
    JOIN backhaul.coverage c ON c.series_id = d.from_series_id JOIN backhaul.task t USING (task_id)
    WHERE d.series_id = $1 AND t.plan ? 'sessionZone' ORDER BY lower(c.covered) DESC LIMIT 1), 'UTC')
$$;
`;
