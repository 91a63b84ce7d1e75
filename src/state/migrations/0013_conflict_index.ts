/**
 * Who has replaced bars of others is looked for by every listing with `--on-conflict replace`: there are few such tasks
 * among a million.
 */
export const sql = `
CREATE INDEX task_conflict ON backhaul.task (finished_at) WHERE rows_conflict > 0;
`;
