/**
 * Columns of `bars` beyond its own, which layouts have asked to keep (`extra`). They are added to `bars` and `bars_bare`
 * when a layout first asks for them, and `candles` is made anew.
 */
export const sql = `
CREATE TABLE backhaul.extra_column (
  name text COLLATE "C" PRIMARY KEY,
  type text COLLATE "C" NOT NULL CHECK (type IN ('float8', 'int8', 'numeric', 'text')),
  added_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
`;
