/**
 * Which indicators some bars of a series lack because they were loaded without: a bit each, in the order of their
 * columns. A late file that asks for one of them gives it to all bars that follow it; where none is lacking, it need
 * not look at more of them than its own bars can have changed. Of loads before this step their options tell.
 */
export const sql = `
ALTER TABLE backhaul.series ADD COLUMN withheld int NOT NULL DEFAULT 0;
UPDATE backhaul.series SET withheld = 65535 WHERE EXISTS (
  SELECT FROM backhaul.run
  WHERE CASE WHEN jsonb_typeof(options->'indicators') = 'array' THEN jsonb_array_length(options->'indicators') < 16 END);
`;
