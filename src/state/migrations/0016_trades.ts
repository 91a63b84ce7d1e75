/**
 * Files of trades. A task makes bars of one interval (`interval_s`; NULL: its file holds bars), so that a file may have
 * several tasks. Its sum has two sides: records read are trades in bars, rejects and empty ones; the bars made of them
 * were loaded, or stood already.
 *
 * `trade_edge` keeps the first and the last bar that a file of trades made of a series, as far as the file told them: the
 * bar that the end of a file cuts is put together from the parts that its files tell. `first_us` and `last_us` are the
 * instants of its first and last trade, µs since 1970.
 */
export const sql = `
ALTER TABLE backhaul.task
  ADD COLUMN interval_s int CHECK (interval_s > 0),
  ADD COLUMN trades_used bigint CHECK (trades_used >= 0),
  ADD COLUMN bars_made bigint CHECK (bars_made >= 0),
  ADD CONSTRAINT task_trades_make_bars CHECK ((trades_used IS NULL) = (bars_made IS NULL));
ALTER TABLE backhaul.task DROP CONSTRAINT task_loaded_is_reconciled;
ALTER TABLE backhaul.task ADD CONSTRAINT task_loaded_is_reconciled CHECK (state <> 'loaded'
  OR coalesce(rows_read = coalesce(trades_used, rows_loaded + rows_duplicate) + rows_rejected + coalesce(rows_empty, 0)
              AND coalesce(bars_made = rows_loaded + rows_duplicate, true)
              AND rows_loaded >= 0 AND rows_rejected >= 0 AND rows_duplicate >= 0, false));
DROP INDEX backhaul.task_place;
CREATE UNIQUE INDEX task_place ON backhaul.task (uri, coalesce(entry, ''), coalesce(interval_s, 0));
CREATE TABLE backhaul.trade_edge (
  series_id int NOT NULL,
  ts timestamptz NOT NULL,
  task_id bigint NOT NULL,
  first_us bigint NOT NULL,
  last_us bigint NOT NULL,
  open float8 NOT NULL,
  high float8 NOT NULL,
  low float8 NOT NULL,
  close float8 NOT NULL,
  volume float8,
  trades int8 NOT NULL,
  PRIMARY KEY (series_id, ts, task_id)
);
CREATE INDEX trade_edge_task ON backhaul.trade_edge (task_id);
`;
