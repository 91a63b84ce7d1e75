/**
 * What happens to a company's shares and its name: splits, dividends and renames, by the day they take effect.
 *
 * - `ratio`: shares after a split for each one before. `amount`: cash a share; where `is_adjusted`, as a share of the
 *   latest splits would have got it, which is how Yahoo tells it.
 * - `source` is the file that told an event last: its next version takes the event out again if it no longer holds it.
 * - `event_change` has a row for each transaction that changed events; the highest number is that of the events as they
 *   stand, by which a load sees that what it remembers of indicator states may be over.
 */
export const sql = `
CREATE TABLE backhaul.event (
  event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  venue text COLLATE "C" NOT NULL CHECK (venue <> ''),
  symbol text COLLATE "C" NOT NULL CHECK (symbol <> ''),
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('split', 'dividend', 'rename')),
  day date NOT NULL,
  ratio float8 CHECK (ratio > 0 AND ratio < 'Infinity'),
  amount float8 CHECK (amount > 0 AND amount < 'Infinity'),
  currency text COLLATE "C",
  is_adjusted boolean NOT NULL DEFAULT false,
  new_symbol text COLLATE "C" CHECK (new_symbol <> symbol),
  source text COLLATE "C" NOT NULL,
  loaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT event_key UNIQUE (venue, symbol, kind, day),
  CONSTRAINT event_says_what CHECK (
    (kind = 'split') = (ratio IS NOT NULL) AND (kind = 'dividend') = (amount IS NOT NULL)
    AND (kind = 'rename') = (new_symbol IS NOT NULL))
);
CREATE INDEX event_source ON backhaul.event (source);
CREATE INDEX event_new_symbol ON backhaul.event (venue, new_symbol) WHERE kind = 'rename';
CREATE TABLE backhaul.event_change (
  change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  source text COLLATE "C" NOT NULL,
  added int NOT NULL,
  changed int NOT NULL,
  removed int NOT NULL
);
`;
