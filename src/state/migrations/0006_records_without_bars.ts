/**
 * Records that are of no bar (all their prices are null) are part of the sum of a task. Those loaded before had none.
 *
 * What a layout says of a series as a whole is kept, so that checks and gaps know it when the layout is gone: prices
 * that may be zero or below (`any`), and when its market trades (NULL: as its venue does). A series without a row is
 * like most.
 */
export const sql = `
ALTER TABLE backhaul.task ADD COLUMN rows_empty bigint CHECK (rows_empty >= 0);
ALTER TABLE backhaul.task DROP CONSTRAINT task_loaded_is_reconciled;
ALTER TABLE backhaul.task ADD CONSTRAINT task_loaded_is_reconciled CHECK (state <> 'loaded'
  OR coalesce(rows_read = rows_loaded + rows_rejected + rows_duplicate + coalesce(rows_empty, 0)
              AND rows_loaded >= 0 AND rows_rejected >= 0 AND rows_duplicate >= 0, false));
CREATE TABLE backhaul.series_rule (
  series_id int PRIMARY KEY,
  prices text COLLATE "C" NOT NULL DEFAULT 'positive' CHECK (prices IN ('positive', 'any')),
  calendar jsonb
);
`;
