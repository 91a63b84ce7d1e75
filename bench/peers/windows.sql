-- The 16 default indicators in SQL, over peer.raw (Massive's columns), into peer.bars as `backhaul load` leaves them.
-- What runs on from bar to bar (EMA, MACD, RSI, ATR) is an aggregate of its own, used as a window function.

CREATE FUNCTION peer.smooth_step(state float8[], x float8, n int, weight float8) RETURNS float8[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN x IS NULL THEN state
    WHEN state[1] < n - 1 THEN ARRAY[state[1] + 1, state[2] + x, n]
    WHEN state[1] = n - 1 THEN ARRAY[n, (state[2] + x) / n, n]
    ELSE ARRAY[n, x * weight + state[2] * (1 - weight), n]
  END
$$;
CREATE FUNCTION peer.smooth_value(state float8[]) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN state[1] = state[3] THEN state[2] END $$;
-- Mean of the first n values, then each new one by its weight; NULL until there are n.
CREATE AGGREGATE peer.smooth(x float8, n int, weight float8)
  (SFUNC = peer.smooth_step, STYPE = float8[], INITCOND = '{0,0,-1}', FINALFUNC = peer.smooth_value);

CREATE TABLE peer.series AS
  SELECT row_number() OVER (ORDER BY ticker COLLATE "C")::int AS series_id, ticker FROM (SELECT DISTINCT ticker FROM peer.raw) t;

CREATE TABLE peer.bars AS
WITH before AS (
  SELECT *, lag(close) OVER (PARTITION BY ticker ORDER BY window_start) AS before,
    to_timestamp(window_start / 1000000000) AS ts
  FROM peer.raw
), steps AS (
  SELECT *, close - before AS change, ln(close) - ln(before) AS log_return, (high + low + close) / 3 * volume AS turnover,
    (ts AT TIME ZONE 'America/New_York')::date AS session,
    CASE WHEN before IS NOT NULL THEN greatest(high - low, abs(high - before), abs(low - before)) END AS range
  FROM before
), windows AS (
  SELECT *,
    count(*) OVER w AS n,
    avg(close) OVER w20 AS mean_20, avg(close) OVER w50 AS mean_50, stddev_pop(close) OVER w20 AS deviation_20,
    stddev_samp(log_return) OVER w20 AS return_deviation,
    peer.smooth(close, 20, 2 / 21.0) OVER w AS ema_20, peer.smooth(close, 50, 2 / 51.0) OVER w AS ema_50,
    peer.smooth(close, 100, 2 / 101.0) OVER w AS ema_100, peer.smooth(close, 200, 2 / 201.0) OVER w AS ema_200,
    peer.smooth(close, 12, 2 / 13.0) OVER w - peer.smooth(close, 26, 2 / 27.0) OVER w AS macd,
    peer.smooth(greatest(change, 0 * change), 14, 1 / 14.0) OVER w AS gain,
    peer.smooth(greatest(-change, 0 * change), 14, 1 / 14.0) OVER w AS loss,
    peer.smooth(range, 14, 1 / 14.0) OVER w AS atr_14,
    sum(turnover) OVER s / nullif(sum(volume) OVER s, 0) AS vwap
  FROM steps
  WINDOW w AS (PARTITION BY ticker ORDER BY window_start),
    w20 AS (PARTITION BY ticker ORDER BY window_start ROWS 19 PRECEDING),
    w50 AS (PARTITION BY ticker ORDER BY window_start ROWS 49 PRECEDING),
    s AS (PARTITION BY ticker, session ORDER BY window_start)
), signals AS (
  SELECT *, peer.smooth(macd, 9, 0.2) OVER (PARTITION BY ticker ORDER BY window_start) AS macd_signal FROM windows
)
SELECT series_id, ts, open, high, low, close, volume, transactions AS trades,
  CASE WHEN n >= 20 THEN mean_20 END AS sma_20, CASE WHEN n >= 50 THEN mean_50 END AS sma_50,
  ema_20, ema_50, ema_100, ema_200,
  CASE WHEN loss = 0 THEN 100 ELSE 100 - 100 / (1 + gain / loss) END AS rsi_14,
  macd, macd_signal, macd - macd_signal AS macd_hist,
  CASE WHEN n >= 20 THEN mean_20 + 2 * deviation_20 END AS bb_upper,
  CASE WHEN n >= 20 THEN mean_20 - 2 * deviation_20 END AS bb_lower,
  vwap, atr_14, log_return, CASE WHEN n >= 21 THEN return_deviation END AS volatility_20
FROM signals JOIN peer.series USING (ticker);

ALTER TABLE peer.bars ADD PRIMARY KEY (series_id, ts);
