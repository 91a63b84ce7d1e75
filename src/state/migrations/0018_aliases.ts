/**
 * Spellings of currencies that a layout of one's own tells of stay with its series, so that whoever asks finds a market
 * under each of them.
 */
export const sql = `
-- [["XBT", "BTC"]]: pairs of spellings of one currency, beside those of symbol_alias.
ALTER TABLE backhaul.series_rule ADD COLUMN aliases jsonb;

-- A symbol with each alias put in at its start and at its end: those of everybody, and a venue's own, which may stand for
-- a whole symbol too.
CREATE FUNCTION backhaul.spellings(symbol text, venue text) RETURNS text[] LANGUAGE sql STABLE AS $$
  WITH RECURSIVE own (a, b) AS (
    SELECT upper(p.pair->>0) COLLATE "C", upper(p.pair->>1) COLLATE "C"
    FROM backhaul.series s JOIN backhaul.series_rule r USING (series_id), LATERAL jsonb_array_elements(r.aliases) p (pair)
    WHERE s.venue = $2 AND r.aliases IS NOT NULL),
  pair (a, b, is_own) AS (
    SELECT archive, other, false FROM backhaul.symbol_alias UNION SELECT other, archive, false FROM backhaul.symbol_alias
    UNION SELECT a, b, true FROM own UNION SELECT b, a, true FROM own),
  spelling (name) AS (
    SELECT $1 COLLATE "C"
    UNION
    SELECT t.name FROM spelling s JOIN pair ON s.name = a OR length(s.name) >= length(a) + 2, LATERAL (VALUES
      (CASE WHEN s.name = a AND is_own THEN b END),
      (CASE WHEN s.name <> a AND starts_with(s.name, a) THEN b || substr(s.name, length(a) + 1) END),
      (CASE WHEN s.name <> a AND right(s.name, length(a)) = a THEN left(s.name, -length(a)) || b END)) t (name)
    WHERE t.name IS NOT NULL)
  SELECT array_agg(name) FROM (SELECT name FROM spelling LIMIT 64) s
$$;

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
    WHERE s.venue = $1 AND upper(s.symbol) = ANY (backhaul.spellings(upper($2), $1)) AND s.interval_s = seconds
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
`;
