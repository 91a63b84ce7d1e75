/**
 * A bar in the middle of which a split or a dividend falls, of a week or a month above all, is in the scale behind it: its
 * close is, and so is all of a bar that was made of shorter ones.
 */
export const sql = `
-- From which instant on bars of an interval are in the scale of an event on that day: the beginning of the bar that the
-- day's first instant falls into.
CREATE FUNCTION backhaul.scale_start(day date, zone text, interval_s int) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT CASE
    WHEN $3 = 604800 THEN backhaul.session_start(date_trunc('week', $1)::date, $2)
    WHEN $3 = 2592000 THEN backhaul.session_start(date_trunc('month', $1)::date, $2)
    WHEN $3 < 86400 AND 86400 % $3 = 0
      THEN to_timestamp(floor(extract(epoch FROM backhaul.session_start($1, $2)) / $3) * $3)
    ELSE backhaul.session_start($1, $2) END
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
    SELECT o.kind, o.ratio, o.amount, o.is_adjusted, o.day, backhaul.scale_start(o.day, zone, s.interval_s) AS at
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
