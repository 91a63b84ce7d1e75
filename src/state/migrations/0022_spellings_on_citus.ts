/**
 * The same spellings where bars are spread over a Citus cluster: it loses the names of columns that stand behind those of a
 * WITH, so they are named inside.
 */
export const sql = `
-- A symbol with each alias put in at its start and at its end: those of everybody, and a venue's own, which may stand for
-- a whole symbol too. Columns are named inside: Citus loses names that stand behind the WITH's.
CREATE OR REPLACE FUNCTION backhaul.spellings(symbol text, venue text) RETURNS text[] LANGUAGE sql STABLE AS $$
  WITH RECURSIVE own AS (
    SELECT upper(p.pair->>0) COLLATE "C" AS a, upper(p.pair->>1) COLLATE "C" AS b
    FROM backhaul.series s JOIN backhaul.series_rule r USING (series_id), LATERAL jsonb_array_elements(r.aliases) p (pair)
    WHERE s.venue = $2 AND r.aliases IS NOT NULL),
  pair AS (
    SELECT archive AS a, other AS b, false AS is_own FROM backhaul.symbol_alias
    UNION SELECT other, archive, false FROM backhaul.symbol_alias
    UNION SELECT a, b, true FROM own UNION SELECT b, a, true FROM own),
  spelling AS (
    SELECT $1 COLLATE "C" AS name
    UNION
    SELECT t.name FROM spelling s JOIN pair ON s.name = a OR length(s.name) >= length(a) + 2, LATERAL (VALUES
      (CASE WHEN s.name = a AND is_own THEN b END),
      (CASE WHEN s.name <> a AND starts_with(s.name, a) THEN b || substr(s.name, length(a) + 1) END),
      (CASE WHEN s.name <> a AND right(s.name, length(a)) = a THEN left(s.name, -length(a)) || b END)) t (name)
    WHERE t.name IS NOT NULL)
  SELECT array_agg(name) FROM (SELECT name FROM spelling LIMIT 64) s
$$;
`;
