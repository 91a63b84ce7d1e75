/**
 * What `candles_of` adjusts by. Which events hold, from which instant of a series, is told here; what they make of each
 * column is `src/state/schema/candles_view.ts`, which follows the columns of `bars`.
 */
export const sql = `
ALTER TABLE backhaul.event_change ADD COLUMN venue text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX event_change_venue ON backhaul.event_change (venue, change_id);

-- The first instant of a day of a series, whose days are those of a zone: 'America/New_York', '+02:00', or, where they
-- begin in the evening before, 'America/Chicago 17:00'.
CREATE FUNCTION backhaul.session_start(day date, zone text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN p.zone ~ '^[+-]' THEN p.local AT TIME ZONE p.zone::interval ELSE p.local AT TIME ZONE p.zone END
  FROM (SELECT split_part($2, ' ', 1) AS zone,
          CASE WHEN $2 ~ ' ' THEN ($1 - 1) + split_part($2, ' ', 2)::time ELSE $1::timestamp END AS local) p
$$;

-- The zone of a series' days: its latest file's; UTC where no file is on record.
CREATE FUNCTION backhaul.session_zone(series_id int) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce((
    SELECT t.plan->>'sessionZone' FROM backhaul.coverage c JOIN backhaul.task t USING (task_id)
    WHERE c.series_id = $1 AND t.plan ? 'sessionZone' ORDER BY lower(c.covered) DESC LIMIT 1), 'UTC')
$$;

CREATE FUNCTION backhaul.is_adjustment(adjust text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF $1 IN ('none', 'splits', 'all') THEN
    RETURN true;
  END IF;
  RAISE EXCEPTION 'no adjustment: %', coalesce(quote_literal($1), 'NULL') USING ERRCODE = 'invalid_parameter_value',
    HINT = 'adjust is one of none, splits, all.';
END $$;

-- By what prices are to be divided and volumes multiplied to be in the scale of the series' newest bar: bars before
-- stamps[1] by prices[1] and volumes[1], those from stamps[n] on, the last of them, by prices[n + 1] = 1.
-- A split divides by its ratio (shares after for each one before). A dividend multiplies by 1 - dividend / close before
-- the ex-date, as Yahoo's Adj Close does by the rule of the Center for Research in Security Prices:
-- https://help.yahoo.com/kb/SLN28256.html. Dividends leave volumes as they are.
CREATE FUNCTION backhaul.adjustments(series_id int, adjust text,
  OUT stamps timestamptz[], OUT prices float8[], OUT volumes float8[]) LANGUAGE plpgsql STABLE AS $$
DECLARE
  newest timestamptz;
  zone text;
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
  zone := backhaul.session_zone($1);
  FOR e IN
    SELECT o.kind, o.ratio, o.amount, o.is_adjusted, o.day, backhaul.session_start(o.day, zone) AS at
    FROM backhaul.series s JOIN backhaul.event o ON o.venue = s.venue AND o.symbol = s.symbol
    WHERE s.series_id = $1 AND (o.kind = 'split' OR o.kind = 'dividend' AND $2 = 'all')
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
      factor := e.amount * CASE WHEN e.is_adjusted THEN shares
        ELSE coalesce((SELECT o.ratio FROM backhaul.series s JOIN backhaul.event o USING (venue, symbol)
                       WHERE s.series_id = $1 AND o.kind = 'split' AND o.day = e.day), 1) END;
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
