/**
 * A claim costs the same however much stands and waits. What took turns was told from a task's plan, and what a lane had
 * behind it by counting all that was ever loaded of its venue; now both are columns that an index leads to.
 */
export const sql = `
DROP INDEX backhaul.task_claim;
DROP INDEX backhaul.task_lane_loaded;
ALTER TABLE backhaul.task
  -- The lane of files of all symbols that this task's series are in too.
  ADD COLUMN family text COLLATE "C" GENERATED ALWAYS AS (coalesce((plan->>'venue') || '/*/' || (plan->>'intervalS'), '')) STORED,
  -- Of one that was ever loaded: greater than that of all before it that have written series of its lane.
  ADD COLUMN lane_turn bigint;
ALTER TABLE backhaul.task ALTER COLUMN lane_turn TYPE bigint USING CASE WHEN rows_loaded IS NOT NULL THEN 1 END;
-- The order of claims: that of a family's two kinds of lanes each.
CREATE INDEX task_claim ON backhaul.task
  (family, (lane = family), priority, coalesce(sequence, '-9223372036854775808'::bigint), uri, coalesce(entry, ''))
  WHERE state = 'pending';
CREATE INDEX task_family_at_work ON backhaul.task (family, (lane = family)) WHERE owner IS NOT NULL;
CREATE INDEX task_lane_turn ON backhaul.task (lane, lane_turn) WHERE lane_turn IS NOT NULL;
CREATE INDEX task_family_turn ON backhaul.task (family, lane_turn) WHERE lane_turn IS NOT NULL;
`;
