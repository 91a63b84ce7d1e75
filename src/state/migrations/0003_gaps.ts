/**
 * Gaps with their states, and symbols in tiers.
 *
 * A gap is open (`detected`, `unfillable`, `filling`, `failed`) as long as bars are missing; a series has one open gap
 * a start. `unfillable`: beyond the reach of the venue's API, only a file can fill it. `filling`: a `gaps fill` is at
 * it; after a crash the next command finds that nobody holds its lock, and puts it back. `failed`: the last attempt at
 * filling it failed, and `error` says why; it is tried again by the next.
 *
 * Tiers: tasks of a symbol in `tier` get its priority when they are planned, and lower ones are claimed first. All
 * tasks of a lane are of one symbol or of all, so a lane never holds two priorities: `setTiers` (`src/gaps`) brings
 * pending ones up to date under the lock of claims and listings.
 */
export const sql = `
DROP TABLE backhaul.gap;
CREATE TABLE backhaul.gap (
  gap_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  series_id int NOT NULL REFERENCES backhaul.series,
  -- The opening of the first missing bar, and the end of the last.
  start_ts timestamptz NOT NULL,
  end_ts timestamptz NOT NULL,
  candles bigint NOT NULL CHECK (candles > 0),
  state text NOT NULL CHECK (state IN ('detected', 'filling', 'filled', 'unfillable', 'failed')),
  -- As of the last look at it: intervals since its start, and of them those beyond what the venue's API serves.
  candles_from_now bigint NOT NULL CHECK (candles_from_now >= 0),
  overflow bigint,
  -- The first published file that holds it, and how many do.
  file text,
  files int NOT NULL DEFAULT 0 CHECK (files >= 0),
  error jsonb,
  detected_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  filled_at timestamptz,

  CONSTRAINT gap_is_a_range CHECK (start_ts < end_ts),
  CONSTRAINT gap_filled_says_when CHECK ((state = 'filled') = (filled_at IS NOT NULL)),
  CONSTRAINT gap_failed_says_why CHECK ((state = 'failed') = (error IS NOT NULL)),
  CONSTRAINT gap_unfillable_is_out_of_reach CHECK (state <> 'unfillable' OR coalesce(overflow > 0, false))
);
CREATE UNIQUE INDEX gap_open ON backhaul.gap (series_id, start_ts) WHERE state <> 'filled';
CREATE INDEX gap_closed ON backhaul.gap (changed_at) WHERE state IN ('filled', 'failed');

CREATE TABLE backhaul.tier (
  symbol text COLLATE "C" PRIMARY KEY,
  tier text COLLATE "C" NOT NULL,
  priority smallint NOT NULL CHECK (priority BETWEEN 1 AND 99)
);
ALTER TABLE backhaul.task ADD COLUMN priority smallint NOT NULL DEFAULT 100;
CREATE FUNCTION backhaul.give_priority() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT t.priority INTO NEW.priority FROM backhaul.tier t WHERE t.symbol = NEW.plan->>'symbol';
  NEW.priority := coalesce(NEW.priority, 100);
  RETURN NEW;
END $$;
CREATE TRIGGER task_priority BEFORE INSERT OR UPDATE OF plan ON backhaul.task FOR EACH ROW
  EXECUTE FUNCTION backhaul.give_priority();
DROP INDEX backhaul.task_claim;
-- The order of claims: priority, then that of lanes.
CREATE INDEX task_claim ON backhaul.task
  (priority, coalesce(sequence, '-9223372036854775808'::bigint), uri, coalesce(entry, '')) WHERE state = 'pending';
`;
