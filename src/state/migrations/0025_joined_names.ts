/**
 * Files of both names of a company are one series from the load on that brings the second. Which renames are carried out
 * is on record, so that what comes later goes the same way, and so that splits and dividends told of the old name in its
 * time are the series' own.
 */
export const sql = `
-- Since when bars of the old name from before the day stand under a later one; NULL: they do not.
ALTER TABLE backhaul.event ADD COLUMN joined_at timestamptz CHECK (joined_at IS NULL OR kind = 'rename');

-- The names whose bars stand under a symbol, each up to a day: its own, and those it had before.
CREATE FUNCTION backhaul.names_of(venue text, symbol text) RETURNS TABLE (name text, until date) LANGUAGE sql STABLE AS $$
  WITH RECURSIVE known AS (
    SELECT $2 COLLATE "C" AS name, date 'infinity' AS until
    UNION
    SELECT e.symbol, e.day FROM known k JOIN backhaul.event e
      ON e.venue = $1 AND e.new_symbol = k.name AND e.kind = 'rename' AND e.joined_at IS NOT NULL AND e.day < k.until)
  SELECT known.name, known.until FROM known
$$;

-- The splits and dividends of a series, one of a kind a day: what its latest name tells, else an earlier one.
CREATE FUNCTION backhaul.events_of(series_id int)
  RETURNS TABLE (kind text, day date, ratio float8, amount float8, is_adjusted boolean) LANGUAGE sql STABLE AS $$
  SELECT DISTINCT ON (o.kind, o.day) o.kind, o.day, o.ratio, o.amount, o.is_adjusted
  FROM backhaul.series s CROSS JOIN LATERAL backhaul.names_of(s.venue, s.symbol) n
  JOIN backhaul.event o ON o.venue = s.venue AND o.symbol = n.name AND o.day < n.until AND o.kind <> 'rename'
  WHERE s.series_id = $1 ORDER BY o.kind, o.day, n.until DESC
$$;

-- By what prices are to be divided and volumes multiplied to be in the scale of the series' newest bar: bars before
-- stamps[1] by prices[1] and volumes[1], those from stamps[n] on, the last of them, by prices[n + 1] = 1.
-- A split divides by its ratio (shares after for each one before). A dividend multiplies by 1 - dividend / close before
-- the ex-date, as Yahoo's Adj Close does by the rule of the Center for Research in Security Prices:
-- https://help.yahoo.com/kb/SLN28256.html. Dividends leave volumes as they are.
CREATE OR REPLACE FUNCTION backhaul.adjustments(series_id int, adjust text,
  OUT stamps timestamptz[], OUT prices float8[], OUT volumes float8[]) LANGUAGE plpgsql STABLE AS $$
DECLARE
  newest timestamptz;
  zone text;
  seconds int;
  e record;
  before float8;
  factor float8;
  shares float8 := 1;
BEGIN
  stamps := '{}';
  prices := '{1}';
  volumes := '{1}';
  IF $1 IS NULL OR $2 IS NULL OR $2 = 'none' THEN
    RETURN;
  END IF;
  SELECT b.ts INTO newest FROM backhaul.bars b WHERE b.series_id = $1 ORDER BY b.ts DESC LIMIT 1;
  SELECT s.interval_s INTO seconds FROM backhaul.series s WHERE s.series_id = $1;
  zone := backhaul.session_zone($1);
  FOR e IN
    SELECT o.kind, o.ratio, o.amount, o.is_adjusted, o.day, backhaul.scale_start(o.day, zone, seconds) AS at,
      max(o.ratio) OVER (PARTITION BY o.day) AS ratio_of_day
    FROM backhaul.events_of($1) o
    WHERE o.kind = 'split' OR o.kind = 'dividend' AND $2 = 'all'
    -- Backwards; of one day the split first, for the dividend is of a share as it is then.
    ORDER BY o.day DESC, o.kind DESC
  LOOP
    CONTINUE WHEN e.at > newest;
    factor := 1;
    IF e.kind = 'split' THEN
      shares := shares * e.ratio;
      factor := e.ratio;
    ELSE
      SELECT b.close INTO before FROM backhaul.bars b
        WHERE b.series_id = $1 AND b.ts < e.at AND b.close > 0 ORDER BY b.ts DESC LIMIT 1;
      CONTINUE WHEN before IS NULL;
      -- The dividend of a share as it was before the day.
      factor := e.amount * CASE WHEN e.is_adjusted THEN shares ELSE coalesce(e.ratio_of_day, 1) END;
      CONTINUE WHEN factor >= before;
      factor := 1 / (1 - factor / before);
    END IF;
    IF stamps[1] = e.at THEN
      prices[1] := prices[1] * factor;
      volumes[1] := shares;
    ELSE
      stamps := e.at || stamps;
      prices := (prices[1] * factor) || prices;
      volumes := shares || volumes;
    END IF;
  END LOOP;
END $$;
`;
