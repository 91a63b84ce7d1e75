/**
 * Longer bars made of shorter ones.
 *
 * `rollup`: the bars of a market (`*`: of every symbol of a venue's shared files) that make longer ones, from the first
 * load that asked for them on: later loads go on with them, whether they are asked or not. `derivation`: the stretches
 * of a series whose bars were made of another's; a bar of a vendor's own is in none. `rollup_state`: what a series is
 * continued from: the bucket that is not over yet, and how far the bars below are known; the last row of a series counts.
 *
 * For readers: `derived` is `derivation` as far as there are bars, `open_bar` the bars that are not finished.
 */
export const sql = `
CREATE TABLE backhaul.rollup (
  venue text COLLATE "C" NOT NULL,
  symbol text COLLATE "C" NOT NULL,
  interval_s int NOT NULL,
  rollup_s int NOT NULL,
  PRIMARY KEY (venue, rollup_s, symbol, interval_s),
  CHECK (interval_s < rollup_s)
);
CREATE TABLE backhaul.derivation (
  series_id int NOT NULL,
  from_series_id int NOT NULL,
  covered tstzrange NOT NULL
);
CREATE INDEX derivation_series ON backhaul.derivation (series_id);
CREATE INDEX derivation_from ON backhaul.derivation (from_series_id);
CREATE TABLE backhaul.rollup_state (
  series_id int NOT NULL,
  -- The last of the shorter bars.
  at timestamptz NOT NULL,
  from_series_id int NOT NULL,
  known_from timestamptz NOT NULL,
  known_to timestamptz NOT NULL,
  -- The bucket that is open; NULL: none is.
  ts timestamptz,
  open float8, high float8, low float8, close float8,
  volume float8,
  trades int8,
  PRIMARY KEY (series_id, at)
);
CREATE VIEW backhaul.derived AS
  SELECT s.venue, s.symbol, s.interval_s, f.interval_s AS from_interval_s,
         d.covered * tstzrange(e.first, e.last, '[]') AS covered, d.series_id, d.from_series_id
  FROM backhaul.derivation d
  JOIN backhaul.series s ON s.series_id = d.series_id
  JOIN backhaul.series f ON f.series_id = d.from_series_id
  CROSS JOIN LATERAL (
    SELECT min(ts) AS first, max(ts) AS last FROM (
      (SELECT ts FROM backhaul.bars b WHERE b.series_id = d.series_id ORDER BY ts LIMIT 1)
      UNION ALL (SELECT ts FROM backhaul.bars b WHERE b.series_id = d.series_id ORDER BY ts DESC LIMIT 1)) t) e
  WHERE d.covered && tstzrange(e.first, e.last, '[]');
CREATE VIEW backhaul.open_bar AS
  SELECT s.venue, s.symbol, s.interval_s, l.ts, l.open, l.high, l.low, l.close, l.volume, l.trades, l.at AS last_ts,
         s.series_id
  FROM backhaul.series s
  CROSS JOIN LATERAL (SELECT * FROM backhaul.rollup_state r WHERE r.series_id = s.series_id ORDER BY at DESC LIMIT 1) l
  WHERE l.ts IS NOT NULL;
`;
