/** A pair of currencies is found with and without what divides it: XBTUSD by BTC/USD, and BTC-USD by BTCUSD. */
export const sql = `
-- The series that is meant: the same text, else in other case, else another spelling of the currency, else with or without
-- what divides a pair of currencies, else another name of the company by the renames on record. NULL for none.
CREATE OR REPLACE FUNCTION backhaul.series_named(venue text, symbol text, "interval" text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE
  seconds int := backhaul.interval_seconds($3);
  pair_of CONSTANT text := '^([A-Z0-9]{2,10})[/_-]([A-Z]{3,5})$';
  undivided text := regexp_replace(upper($2), pair_of, '\\1\\2');
  spelled text[];
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
  spelled := backhaul.spellings(upper($2), $1);
  IF undivided <> upper($2) THEN
    spelled := spelled || backhaul.spellings(undivided, $1);
  END IF;
  SELECT series_id INTO id FROM backhaul.series s
    WHERE s.venue = $1 AND upper(s.symbol) = ANY (spelled) AND s.interval_s = seconds ORDER BY s.symbol LIMIT 1;
  IF id IS NOT NULL THEN
    RETURN id;
  END IF;
  SELECT series_id INTO id FROM backhaul.series s
    WHERE s.venue = $1 AND s.interval_s = seconds AND upper(s.symbol) ~ pair_of
      AND regexp_replace(upper(s.symbol), pair_of, '\\1\\2') = ANY (spelled)
    ORDER BY s.symbol LIMIT 1;
  IF id IS NOT NULL THEN
    RETURN id;
  END IF;
  WITH RECURSIVE pair AS (
    SELECT upper(e.symbol) AS a, upper(e.new_symbol) AS b FROM backhaul.event e WHERE e.venue = $1 AND e.kind = 'rename'
    UNION SELECT upper(e.new_symbol), upper(e.symbol) FROM backhaul.event e WHERE e.venue = $1 AND e.kind = 'rename'),
  known AS (
    SELECT upper($2) COLLATE "C" AS name UNION SELECT pair.b FROM known JOIN pair ON pair.a = known.name)
  SELECT s.series_id INTO id FROM backhaul.series s JOIN known ON upper(s.symbol) = known.name
    WHERE s.venue = $1 AND s.interval_s = seconds ORDER BY s.symbol LIMIT 1;
  RETURN id;
END $$;
`;
