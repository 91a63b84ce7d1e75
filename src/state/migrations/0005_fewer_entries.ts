/**
 * What a day file writes 10,000 of is not entered twice where nobody looks for it: states are found by series alone,
 * coverage by task only where a file is replaced, for which a summary of its pages will do.
 */
export const sql = `
DROP INDEX backhaul.indicator_state_task;
DROP INDEX backhaul.coverage_task;
CREATE INDEX coverage_task ON backhaul.coverage USING brin (task_id) WITH (pages_per_range = 16, autosummarize = on);
`;
