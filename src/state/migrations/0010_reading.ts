/**
 * What `candles_of` stands on: the spellings of currencies, the words for intervals, and the series that a venue, a
 * symbol and an interval mean. `candles_of` itself follows the columns of `bars`: `src/state/schema/candles_view.ts` makes it.
 */
export const sql = `
CREATE TABLE backhaul.symbol_alias (
  archive text COLLATE "C" NOT NULL,
  other text COLLATE "C" NOT NULL,
  PRIMARY KEY (archive, other),
  CHECK (length(archive) >= 2 AND length(other) >= 2)
);
COMMENT ON TABLE backhaul.symbol_alias IS 'Spellings of one currency: XBTUSD is found as BTCUSD. More may be added.';
INSERT INTO backhaul.symbol_alias (archive, other) VALUES ('XBT', 'BTC'), ('XDG', 'DOGE');

-- A symbol with each alias put in at its start and at its end; 64 of them are more than anybody has.
CREATE FUNCTION backhaul.spellings(symbol text) RETURNS text[] LANGUAGE sql STABLE AS $$
  WITH RECURSIVE pair (a, b) AS (
    SELECT archive, other FROM backhaul.symbol_alias UNION SELECT other, archive FROM backhaul.symbol_alias),
  spelling (name) AS (
    SELECT $1 COLLATE "C"
    UNION
    SELECT t.name FROM spelling s JOIN pair ON length(s.name) >= length(a) + 2, LATERAL (VALUES
      (CASE WHEN starts_with(s.name, a) THEN b || substr(s.name, length(a) + 1) END),
      (CASE WHEN right(s.name, length(a)) = a THEN left(s.name, -length(a)) || b END)) t (name)
    WHERE t.name IS NOT NULL)
  SELECT array_agg(name) FROM (SELECT name FROM spelling LIMIT 64) s
$$;

-- 1h, 60m and 60 are the same: a bare number is minutes. 1M is a month, as Binance has it.
CREATE FUNCTION backhaul.interval_seconds("interval" text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  parts text[] := regexp_match($1, '^\\s*([1-9][0-9]{0,5})\\s*([A-Za-z]*)\\s*$');
  unit text := CASE parts[2] WHEN 'M' THEN 'mo' ELSE lower(parts[2]) END;
  seconds bigint := parts[1]::bigint * CASE
    WHEN unit IN ('s', 'sec', 'second', 'seconds') THEN 1
    WHEN unit IN ('', 'm', 'min', 'minute', 'minutes') THEN 60
    WHEN unit IN ('h', 'hour', 'hours') THEN 3600
    WHEN unit IN ('d', 'day', 'days') THEN 86400
    WHEN unit IN ('w', 'week', 'weeks') THEN 604800
    WHEN unit IN ('mo', 'month', 'months') THEN 2592000 END;
BEGIN
  IF seconds IS NULL OR seconds > 2147483647 THEN
    RAISE EXCEPTION 'no interval: %', coalesce(quote_literal($1), 'NULL') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Intervals are such as 1m, 15m, 1h, 1d, 1w, 1mo; a bare number is minutes.';
  END IF;
  RETURN seconds;
END $$;

-- The series that is meant: the same text, else in other case, else another spelling of the currency. NULL for none.
CREATE FUNCTION backhaul.series_named(venue text, symbol text, "interval" text) RETURNS int LANGUAGE plpgsql STABLE AS $$
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
  RETURN id;
END $$;

CREATE FUNCTION backhaul.is_unadjusted(adjust text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF $1 = 'none' THEN
    RETURN true;
  END IF;
  RAISE EXCEPTION 'prices cannot be adjusted here: adjust => %', coalesce(quote_literal($1), 'NULL')
    USING ERRCODE = 'feature_not_supported', HINT = 'Leave adjust out, or write adjust => ''none''.';
END $$;
`;
