/** `backhaul query`: a read-only look at the database. */

import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Argv } from 'yargs';
import { count } from '../base/quantities.ts';
import type { ReadQuery } from '../database/read_query.ts';
import { BackhaulError } from '../faults/fault.ts';
import { csvLine, jsonRow, resultLines } from '../ui/query_text.ts';
import {
  DATABASE_SETTINGS,
  type FoundDatabase,
  requireDatabase,
  withDatabase,
} from './options/database_option.ts';
import { type Arguments, type Command, declare, onOff, readFlags, value } from './options/settings.ts';
import { secondsAsMs } from './options/value_parsers.ts';
import { EXIT } from './program/exit_codes.ts';
import { listenForInterrupt, quit } from './program/interrupt.ts';
import { print, say, stdoutGone, stdoutStyle, stdoutWidth } from './program/screen.ts';

const QUERY_SETTINGS = {
  ...DATABASE_SETTINGS,
  csv: onOff({ group: 'Output:', describe: 'CSV with a header, all rows' }),
  json: onOff({ group: 'Output:', describe: 'One JSON object a line, all rows' }),
  'timeout-seconds': value(
    { group: 'Output:', describe: 'Give up after this long', otherwise: 'never' },
    secondsAsMs(1, 86_400),
  ),
};

/** Rows of a table on the screen; CSV and JSON have all. */
const TABLE_ROWS = 1000;
/** Rows held at once where all are written. */
const FETCH_ROWS = 2000;

export const command: Command = {
  settings: [QUERY_SETTINGS],
  command: 'query <sql>',
  describe: 'Look at the database, read-only: a table, --csv or --json',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, QUERY_SETTINGS)
      .positional('sql', { describe: 'One statement; schema backhaul is on the search path, times are UTC' })
      .example('$0 query "SELECT * FROM candles WHERE symbol = \'XBTUSD\' LIMIT 5"', '')
      .example('$0 query "SELECT * FROM series" --csv > series.csv', ''),
  handler: async (argv) => {
    const { flags } = readFlags(QUERY_SETTINGS, ['sql'], argv);
    if (flags.csv && flags.json) {
      throw new BackhaulError({ kind: 'usage', message: '--csv and --json contradict each other' });
    }
    const sql = String(argv['sql']);
    if (sql.trim() === '') throw new BackhaulError({ kind: 'usage', message: 'the SQL is empty' });
    const show = flags.csv ? showCsv : flags.json ? showJson : showTable;
    await withDatabase(await requireDatabase(flags.database), (database) =>
      ask(database, sql, flags['timeout-seconds'] ?? 0, show),
    );
  },
};

async function ask(
  database: FoundDatabase,
  sql: string,
  timeoutMs: number,
  show: (query: ReadQuery) => Promise<void>,
): Promise<void> {
  let query: ReadQuery | null = null;
  const interrupt = listenForInterrupt(() => {
    // A statement that is still being taken (it may wait for a lock) has no name to be cancelled by.
    if (query === null) quit();
    else query.cancel().catch(() => {});
  });
  try {
    const { openReadQuery } = await import('../database/read_query.ts');
    query = await openReadQuery(database, sql, timeoutMs);
    await show(query);
  } catch (error) {
    if (!interrupt.interrupted) throw error;
    process.exitCode = EXIT.interrupted;
  } finally {
    interrupt.dispose();
    await query?.close();
  }
}

async function showTable(query: ReadQuery): Promise<void> {
  const rows = await query.fetch(TABLE_ROWS + 1);
  print(resultLines(query.columns, rows.slice(0, TABLE_ROWS), stdoutWidth(), stdoutStyle()));
  if (rows.length > TABLE_ROWS) say(`Only the first ${count(TABLE_ROWS)} rows; --csv or --json gives all.`);
  if (rows.length === 0) say('No rows.');
}

async function showJson(query: ReadQuery): Promise<void> {
  await forEachBatch(query, (rows) => rows.map((row) => jsonRow(query.columns, row)));
}

async function showCsv(query: ReadQuery): Promise<void> {
  const stream = query.csv();
  if (stream === null) {
    await write(`${csvLine(query.columns.map((column) => column.name))}\n`);
    return forEachBatch(query, (rows) => rows.map(csvLine));
  }
  try {
    // Not stdout itself: pipeline would end it.
    await pipeline(
      stream,
      new Writable({ write: (piece, _, done) => void write(piece).then(() => done(goneError())) }),
    );
  } catch (error) {
    if (!stdoutGone()) throw query.faultOf(error);
  }
}

function goneError(): Error | null {
  return stdoutGone() ? new Error('stdout is closed') : null;
}

async function forEachBatch(
  query: ReadQuery,
  lines: (rows: Awaited<ReturnType<ReadQuery['fetch']>>) => string[],
): Promise<void> {
  while (!stdoutGone()) {
    const rows = await query.fetch(FETCH_ROWS);
    if (rows.length === 0) return;
    await write(`${lines(rows).join('\n')}\n`);
  }
}

/** Writes to stdout and waits until it takes more; a closed one takes nothing, quietly. */
function write(piece: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (stdoutGone()) resolve();
    else process.stdout.write(piece, () => resolve());
  });
}
