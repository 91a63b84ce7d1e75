/** What a run says of itself while it lasts, for a page that watches it from another program or host. */
export const sql = `
ALTER TABLE backhaul.run ADD COLUMN live jsonb;
`;
