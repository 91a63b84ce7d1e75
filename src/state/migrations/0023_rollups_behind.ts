/**
 * Which rollups are behind: what stood of their bars when they were noted is still to be made longer bars of. The load
 * that noted them sees to it at its end, or else the next one.
 */
export const sql = `
ALTER TABLE backhaul.rollup ADD COLUMN behind boolean NOT NULL DEFAULT false;
`;
