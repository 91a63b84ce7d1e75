/** A gap of a series that no API serves (`overflow` is NULL) is as `unfillable` as one beyond an API's reach. */
export const sql = `
ALTER TABLE backhaul.gap DROP CONSTRAINT gap_unfillable_is_out_of_reach;
UPDATE backhaul.gap SET state = 'unfillable' WHERE state = 'detected' AND overflow IS NULL;
ALTER TABLE backhaul.gap ADD CONSTRAINT gap_unfillable_is_out_of_reach
  CHECK (state <> 'unfillable' OR coalesce(overflow > 0, true)),
  ADD CONSTRAINT gap_detected_is_within_reach CHECK (state <> 'detected' OR coalesce(overflow <= 0, false));
`;
