/**
 * The schema's history: a file a step, in order. A step is a text that never changes, not by a byte, once it has been
 * released: there are databases that it has made, and the next step has to find them as they are. So it holds all of
 * its SQL literally, and nothing of the program's is put into it: a constant that grows tomorrow would change what was
 * made yesterday. `tests/state/migrations.test.ts` holds the digest of each.
 *
 * A new step: `NNNN_what_it_does.ts` with the next free number, whose docstring says why; a line below; its digest in
 * the test, which prints it. Steps run as statements of one transaction, which any number of programs may begin at
 * once. What they do to a database with data in it is tried on one that version 0.1.0 has made
 * (`tests/state/fixtures`).
 *
 * An indicator more is a step of its own, since every database stands without its column:
 *
 *     ALTER TABLE backhaul.bars ADD COLUMN new_indicator float8;
 *     ALTER TABLE backhaul.bars_bare ADD COLUMN new_indicator float8;
 *     CREATE OR REPLACE VIEW backhaul.candles AS … (the whole view, the new column last)
 *
 * Leaves get the column from the parent that they hang from. The columns stand in the order of `INDICATOR_NAMES`
 * (`src/bars/columns.ts`), so the new name goes to its end. `backhaul recompute` gives the new indicator to bars that
 * stand. Where its state needs more than the stored states hold, `STATE_VERSION` (`src/indicators/state.ts`) goes up:
 * loads then refuse the old states and name that command, which makes them anew. No step deletes states: the next
 * load would begin its averages in the middle of a series.
 */

import { sql as tables } from './0001_tables.ts';
import { sql as reader } from './0002_reader.ts';
import { sql as gaps } from './0003_gaps.ts';
import { sql as gapsWithoutApi } from './0004_gaps_without_api.ts';
import { sql as fewerEntries } from './0005_fewer_entries.ts';
import { sql as recordsWithoutBars } from './0006_records_without_bars.ts';
import { sql as liveRuns } from './0007_live_runs.ts';
import { sql as withheldIndicators } from './0008_withheld_indicators.ts';
import { sql as restore } from './0009_restore.ts';
import { sql as reading } from './0010_reading.ts';
import { sql as extraColumns } from './0011_extra_columns.ts';
import { sql as events } from './0012_events.ts';
import { sql as conflictIndex } from './0013_conflict_index.ts';
import { sql as adjusting } from './0014_adjusting.ts';
import { sql as rollups } from './0015_rollups.ts';
import { sql as trades } from './0016_trades.ts';
import { sql as renames } from './0017_renames.ts';
import { sql as aliases } from './0018_aliases.ts';
import { sql as sharedRuns } from './0019_shared_runs.ts';
import { sql as laneTurns } from './0020_lane_turns.ts';
import { sql as spellingsOnce } from './0021_spellings_once.ts';
import { sql as spellingsOnCitus } from './0022_spellings_on_citus.ts';
import { sql as rollupsBehind } from './0023_rollups_behind.ts';
import { sql as scaleInsideBars } from './0024_scale_inside_bars.ts';
import { sql as joinedNames } from './0025_joined_names.ts';
import { sql as eventsOnCitus } from './0026_events_on_citus.ts';
import { sql as dividedPairs } from './0027_divided_pairs.ts';

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  { version: 1, name: 'tables', sql: tables },
  { version: 2, name: 'reader', sql: reader },
  { version: 3, name: 'gaps', sql: gaps },
  { version: 4, name: 'gaps without an API', sql: gapsWithoutApi },
  { version: 5, name: 'fewer index entries', sql: fewerEntries },
  { version: 6, name: 'records without bars', sql: recordsWithoutBars },
  { version: 7, name: 'live runs', sql: liveRuns },
  { version: 8, name: 'withheld indicators', sql: withheldIndicators },
  { version: 9, name: 'files that come back', sql: restore },
  { version: 10, name: 'reading', sql: reading },
  { version: 11, name: 'extra columns', sql: extraColumns },
  { version: 12, name: 'events', sql: events },
  { version: 13, name: 'an index of conflicts', sql: conflictIndex },
  { version: 14, name: 'adjusting', sql: adjusting },
  { version: 15, name: 'rollups', sql: rollups },
  { version: 16, name: 'trades', sql: trades },
  { version: 17, name: 'renames', sql: renames },
  { version: 18, name: 'aliases', sql: aliases },
  { version: 19, name: 'shared runs', sql: sharedRuns },
  { version: 20, name: 'lane turns', sql: laneTurns },
  { version: 21, name: 'spellings once', sql: spellingsOnce },
  { version: 22, name: 'spellings on Citus', sql: spellingsOnCitus },
  { version: 23, name: 'rollups that are behind', sql: rollupsBehind },
  { version: 24, name: 'scale inside bars', sql: scaleInsideBars },
  { version: 25, name: 'joined names', sql: joinedNames },
  { version: 26, name: 'events on Citus', sql: eventsOnCitus },
  { version: 27, name: 'divided pairs', sql: dividedPairs },
];
