/** Loads of the same sources at the same time, on any number of hosts, are one run: they list once and end together. */
export const sql = `
ALTER TABLE backhaul.run
  ADD COLUMN host text,
  -- What a load is to bring; equal ones that are alive together are one run.
  ADD COLUMN work text,
  -- The first run of those; null: it is the first itself.
  ADD COLUMN joined bigint,
  -- Its last sign of life, by the server's clock.
  ADD COLUMN seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Of the first: who lists the sources for all, what that found, and when it had.
  ADD COLUMN lister bigint,
  ADD COLUMN listing jsonb,
  ADD COLUMN listed_at timestamptz,
  -- What this one did of the whole, once nothing was left to do.
  ADD COLUMN share jsonb,
  ADD COLUMN done_at timestamptz;
CREATE INDEX run_joined ON backhaul.run (joined) WHERE joined IS NOT NULL;
`;
