/**
 * The tables as DESIGN promises them to whoever queries. Text that is compared or sorted by us is `COLLATE "C"`: the
 * order of a lane must be the same bytes on every server, whatever its locale.
 *
 * - A leaf without its key inherits from `bars_bare` until the load is done, then it is attached to `bars`. Both
 *   parents stay empty themselves. With TimescaleDB `bars` is a hypertable and `bars_bare` is never used.
 * - Who moves a task out of each state, and what a crash leaves behind, is told in `machine.ts`. The same table of
 *   moves is held by the server: the conditions live in the triggers' WHEN, so a legal move costs an expression and no
 *   function call.
 * - No foreign keys on what a file of 10,000 symbols writes 10,000 of: they would cost a look-up a row.
 */
export const sql = `
CREATE TABLE backhaul.series (
  series_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  venue text COLLATE "C" NOT NULL,
  symbol text COLLATE "C" NOT NULL,
  interval_s int NOT NULL CHECK (interval_s > 0),
  UNIQUE (venue, symbol, interval_s)
);

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
    CREATE TABLE backhaul.bars (
  series_id int NOT NULL,
  ts timestamptz NOT NULL,
  open float8, high float8, low float8, close float8,
  volume float8,
  trades int8,
  sma_20 float8,
  sma_50 float8,
  ema_20 float8,
  ema_50 float8,
  ema_100 float8,
  ema_200 float8,
  rsi_14 float8,
  macd float8,
  macd_signal float8,
  macd_hist float8,
  bb_upper float8,
  bb_lower float8,
  vwap float8,
  atr_14 float8,
  log_return float8,
  volatility_20 float8, PRIMARY KEY (series_id, ts));
    EXECUTE $sql$ SELECT create_hypertable('backhaul.bars', 'ts',
                    chunk_time_interval => interval '1 month', create_default_indexes => false) $sql$;
  ELSE
    CREATE TABLE backhaul.bars (
  series_id int NOT NULL,
  ts timestamptz NOT NULL,
  open float8, high float8, low float8, close float8,
  volume float8,
  trades int8,
  sma_20 float8,
  sma_50 float8,
  ema_20 float8,
  ema_50 float8,
  ema_100 float8,
  ema_200 float8,
  rsi_14 float8,
  macd float8,
  macd_signal float8,
  macd_hist float8,
  bb_upper float8,
  bb_lower float8,
  vwap float8,
  atr_14 float8,
  log_return float8,
  volatility_20 float8, PRIMARY KEY (series_id, ts)) PARTITION BY RANGE (ts);
  END IF;
END $$;
CREATE TABLE backhaul.bars_bare (
  series_id int NOT NULL,
  ts timestamptz NOT NULL,
  open float8, high float8, low float8, close float8,
  volume float8,
  trades int8,
  sma_20 float8,
  sma_50 float8,
  ema_20 float8,
  ema_50 float8,
  ema_100 float8,
  ema_200 float8,
  rsi_14 float8,
  macd float8,
  macd_signal float8,
  macd_hist float8,
  bb_upper float8,
  bb_lower float8,
  vwap float8,
  atr_14 float8,
  log_return float8,
  volatility_20 float8);
CREATE TABLE backhaul.partition (
  name text COLLATE "C" PRIMARY KEY,
  from_ts timestamptz NOT NULL,
  to_ts timestamptz NOT NULL,
  state text NOT NULL CHECK (state IN ('bare', 'standing')),
  CHECK (from_ts < to_ts)
);
CREATE VIEW backhaul.candles AS
  SELECT s.venue, s.symbol, s.interval_s, b.ts, b.open, b.high, b.low, b.close, b.volume, b.trades,
         b.sma_20, b.sma_50, b.ema_20, b.ema_50, b.ema_100, b.ema_200, b.rsi_14, b.macd, b.macd_signal, b.macd_hist, b.bb_upper, b.bb_lower, b.vwap, b.atr_14, b.log_return, b.volatility_20
  FROM backhaul.series s
  JOIN (SELECT * FROM backhaul.bars UNION ALL SELECT * FROM backhaul.bars_bare) b USING (series_id);

CREATE TABLE backhaul.run (
  run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  owner uuid NOT NULL UNIQUE,
  command text NOT NULL,
  options jsonb NOT NULL DEFAULT '{}',
  -- lost: its program is gone without a word; whoever notices takes its tasks.
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'finished', 'failed', 'interrupted', 'lost')),
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  audit jsonb
);
CREATE INDEX run_open ON backhaul.run (run_id) WHERE state = 'running';

CREATE TABLE backhaul.task (
  task_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  uri text COLLATE "C" NOT NULL,
  entry text COLLATE "C",
  etag text COLLATE "C" NOT NULL,
  size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
  modified timestamptz,
  layout text,
  lane text COLLATE "C",
  sequence bigint,
  plan jsonb,
  -- What the bars in place came from, while a replaced task waits to be loaded again.
  replaces jsonb,
  run_id bigint,
  state text NOT NULL DEFAULT 'pending',
  -- Counts claims and never goes back: the fence of every write.
  attempt int NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  -- Attempts that failed since the task was planned or requeued; those that were given back do not count.
  failures int NOT NULL DEFAULT 0 CHECK (failures >= 0),
  owner uuid,
  lease_until timestamptz,
  not_before timestamptz NOT NULL DEFAULT clock_timestamp(),
  rows_read bigint,
  rows_loaded bigint,
  rows_rejected bigint,
  rows_duplicate bigint,
  rows_conflict bigint,
  rows_outside bigint,
  first_ts timestamptz,
  last_ts timestamptz,
  error jsonb,
  discovered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  claimed_at timestamptz,
  finished_at timestamptz,

  CONSTRAINT task_state CHECK (state IN ('pending', 'running', 'loaded', 'failed', 'skipped')),
  CONSTRAINT task_running_is_owned CHECK ((state = 'running') = (owner IS NOT NULL)),
  CONSTRAINT task_owned_is_leased CHECK ((owner IS NULL) = (lease_until IS NULL)),
  CONSTRAINT task_running_was_claimed CHECK (state <> 'running' OR (attempt > 0 AND claimed_at IS NOT NULL)),
  CONSTRAINT task_final_is_finished CHECK ((state IN ('loaded', 'failed', 'skipped')) = (finished_at IS NOT NULL)),
  CONSTRAINT task_failed_says_why CHECK (state <> 'failed' OR error IS NOT NULL),
  CONSTRAINT task_loaded_is_clean CHECK (state <> 'loaded'
    OR (error IS NULL AND replaces IS NULL AND plan IS NOT NULL AND lane IS NOT NULL)),
  CONSTRAINT task_loaded_is_reconciled CHECK (state <> 'loaded'
    OR coalesce(rows_read = rows_loaded + rows_rejected + rows_duplicate AND rows_loaded >= 0
                AND rows_rejected >= 0 AND rows_duplicate >= 0, false))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);

CREATE UNIQUE INDEX task_place ON backhaul.task (uri, coalesce(entry, ''));
-- The order of a lane, and of claims: sequence (unknown first), then name.
CREATE INDEX task_claim ON backhaul.task
  (coalesce(sequence, '-9223372036854775808'::bigint), uri, coalesce(entry, '')) WHERE state = 'pending';
CREATE INDEX task_lane ON backhaul.task
  (lane, coalesce(sequence, '-9223372036854775808'::bigint), uri, coalesce(entry, ''))
  WHERE state IN ('pending', 'running');
CREATE INDEX task_delayed ON backhaul.task (lane, not_before) WHERE state = 'pending';
CREATE INDEX task_running ON backhaul.task (owner) WHERE state = 'running';
CREATE INDEX task_lane_loaded ON backhaul.task (lane) WHERE rows_loaded IS NOT NULL;
CREATE INDEX task_failed ON backhaul.task (finished_at) WHERE state = 'failed';

CREATE TABLE backhaul.task_event (
  event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  task_id bigint NOT NULL REFERENCES backhaul.task,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  event text NOT NULL,
  from_state text NOT NULL,
  to_state text NOT NULL,
  attempt int NOT NULL,
  owner uuid,
  reason jsonb,
  CONSTRAINT task_event_legal CHECK ((event, from_state, to_state) IN (
    ('claim', 'pending', 'running'),
    ('skip', 'pending', 'skipped'),
    ('finish', 'running', 'loaded'),
    ('fail', 'running', 'failed'),
    ('retry', 'running', 'pending'),
    ('expire', 'running', 'pending'),
    ('replace', 'loaded', 'pending'),
    ('requeue', 'failed', 'pending')))
);
CREATE INDEX task_event_task ON backhaul.task_event (task_id, event_id);

CREATE FUNCTION backhaul.refuse_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'task % may not go from % (attempt %) to % (attempt %)', NEW.task_id,
    CASE TG_OP WHEN 'INSERT' THEN 'nothing' ELSE OLD.state END,
    CASE TG_OP WHEN 'INSERT' THEN 0 ELSE OLD.attempt END, NEW.state, NEW.attempt
    USING ERRCODE = 'check_violation', CONSTRAINT = 'task_transition';
END $$;
CREATE TRIGGER task_transition BEFORE UPDATE OF state, attempt ON backhaul.task FOR EACH ROW
  WHEN ((OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
          ('pending', 'running'), ('pending', 'skipped'), ('running', 'loaded'), ('running', 'failed'),
          ('running', 'pending'), ('loaded', 'pending'), ('failed', 'pending')))
        OR NEW.attempt <> OLD.attempt + CASE WHEN OLD.state = 'pending' AND NEW.state = 'running' THEN 1 ELSE 0 END)
  EXECUTE FUNCTION backhaul.refuse_transition();
CREATE TRIGGER task_birth BEFORE INSERT ON backhaul.task FOR EACH ROW
  WHEN (NEW.state <> 'pending' OR NEW.attempt <> 0)
  EXECUTE FUNCTION backhaul.refuse_transition();

CREATE TABLE backhaul.reject (
  task_id bigint NOT NULL REFERENCES backhaul.task,
  line bigint NOT NULL,
  byte_offset bigint NOT NULL,
  reason text NOT NULL,
  field text NOT NULL,
  record text NOT NULL
);
CREATE INDEX reject_task ON backhaul.reject (task_id, line);
CREATE TABLE backhaul.conflict (
  task_id bigint NOT NULL REFERENCES backhaul.task,
  series_id int NOT NULL REFERENCES backhaul.series,
  ts timestamptz NOT NULL,
  standing jsonb NOT NULL,
  incoming jsonb NOT NULL
);
CREATE INDEX conflict_task ON backhaul.conflict (task_id);
CREATE TABLE backhaul.coverage (
  series_id int NOT NULL,
  covered tstzrange NOT NULL,
  task_id bigint NOT NULL
);
CREATE INDEX coverage_series ON backhaul.coverage (series_id, lower(covered));
CREATE INDEX coverage_task ON backhaul.coverage (task_id);
CREATE TABLE backhaul.gap (
  gap_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  series_id int NOT NULL REFERENCES backhaul.series,
  missing tstzrange NOT NULL,
  found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  filled_at timestamptz
);
CREATE INDEX gap_series ON backhaul.gap (series_id, lower(missing));
CREATE TABLE backhaul.indicator_state (
  series_id int NOT NULL,
  ts timestamptz NOT NULL,
  task_id bigint NOT NULL,
  state bytea NOT NULL,
  PRIMARY KEY (series_id, ts)
);
-- Doubles do not compress; trying costs more than the COPY itself.
ALTER TABLE backhaul.indicator_state ALTER COLUMN state SET STORAGE EXTERNAL;
CREATE INDEX indicator_state_task ON backhaul.indicator_state (task_id);`;
