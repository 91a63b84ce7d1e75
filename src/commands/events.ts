/** `backhaul events`: splits, dividends and renames out of files, and what is known of them. */

import { readFile } from 'node:fs/promises';
import { resolve as resolvePath } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { Pool } from 'pg';
import type { Argv, CommandModule } from 'yargs';
import { count, counted } from '../base/quantities.ts';
import type { EventSummary } from '../events/change_events.ts';
import type { EventFile } from '../events/read_events.ts';
import { BackhaulError } from '../faults/fault.ts';
import { eventJson, eventLines, eventSummaryLines } from '../ui/event_text.ts';
import { eventLine } from '../ui/json_lines.ts';
import { DATABASE_SETTINGS, useDatabase, withDatabase } from './options/database_option.ts';
import { withLoadedDatabase } from './options/loaded_database.ts';
import { type Arguments, type Command, declare, list, onOff, readFlags, value } from './options/settings.ts';
import { parseSymbols, parseText, parseVenue } from './options/value_parsers.ts';
import { EXIT } from './program/exit_codes.ts';
import { listenForInterrupt } from './program/interrupt.ts';
import { print, say, stdoutStyle, stdoutWidth } from './program/screen.ts';

const SHOW = 'Output:';
const WHAT = 'What the file does not say:';
const json = onOff({ group: SHOW, describe: 'One JSON object a line on stdout' });

export const EVENT_LOAD_SETTINGS = {
  venue: value({ group: WHAT, describe: 'Venue of its symbols (us_stocks_sip)' }, parseVenue),
  symbol: value({ group: WHAT, describe: 'Symbol its events are of (AAPL)' }, parseText),
  ...DATABASE_SETTINGS,
  'dry-run': onOff({ group: SHOW, describe: 'Show what would change; change nothing' }),
  json,
};

const EVENT_LIST_SETTINGS = {
  symbols: list(
    { group: 'Which:', describe: 'Only these symbols (AAPL,META)', otherwise: 'all' },
    parseSymbols,
  ),
  ...DATABASE_SETTINGS,
  json,
};

/** No list of all splits there ever were is so large. */
const MOST_BYTES = 256 << 20;
/** What the terminal shows of a list. */
const EVENTS_SHOWN = 100;
/** Between two lines of progress. */
const PLAIN_EVERY_MS = 10_000;
/** The venue of Massive's files of stocks, which name none. */
const MASSIVE_STOCKS = 'us_stocks_sip';

export const command: Command = {
  settings: [EVENT_LIST_SETTINGS],
  command: 'events',
  words: ['load', 'list'],
  describe: 'Splits, dividends and renames: load them from files, list them',
  builder: (yargs) =>
    (yargs as Argv<Arguments>)
      .command([loadCommand, listCommand] as CommandModule[])
      .demandCommand(1, 'events needs one of: load, list')
      .example('$0 events load splits.csv', "Massive's list of splits")
      .example('$0 events load AAPL.csv --venue yahoo --symbol AAPL', "Yahoo's, of one symbol")
      .example('$0 events list --symbols AAPL', ''),
  handler: () => {},
};

const loadCommand: CommandModule<object, Arguments> = {
  command: 'load <file>',
  describe: 'Splits, dividends and renames of a CSV file; indicators behind a split are made right',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, EVENT_LOAD_SETTINGS)
      .positional('file', { describe: 'CSV, plain or gzip' })
      .epilogue(
        "Massive's and Yahoo's splits and dividends, or columns venue,symbol,date,event,value (docs/events.md).\nThe file again, corrected, changes what stands: an event it no longer has goes.",
      ),
  handler: async (argv) => {
    const { flags } = readFlags(EVENT_LOAD_SETTINGS, ['file'], argv);
    const path = String(argv['file']);
    const read = await eventsOfFile(path, flags.venue ?? null, flags.symbol ?? null);
    // What is wrong with the file is said before a database is made or started.
    read(['-']);
    await withDatabase(await useDatabase(flags.database), ({ url }) =>
      withEvents(url, async (db) =>
        loadEvents(db, path, read(await venuesOf(db)), flags['dry-run'] ?? false, (summary, dryRun) => {
          if (flags.json) print(eventLine({ ...summary, dryRun } as { type: string }));
          else print(eventSummaryLines(summary, dryRun));
        }),
      ),
    );
  },
};

/** Runs `work` on a database whose tables are up to date. */
async function withEvents(url: string, work: (db: Pool) => Promise<void>): Promise<void> {
  const { createPool, endPool, namedConnectError } = await import('../database/connect.ts');
  const { migrate } = await import('../state/schema/migrate.ts');
  const db = createPool(url, { applicationName: 'backhaul events', max: 4 });
  try {
    await migrate(db);
    await work(db);
  } catch (error) {
    throw namedConnectError(error, url);
  } finally {
    await endPool(db);
  }
}

/** Files of events beside the sources of a load: read at once, so that a wrong one is said; then to be made to stand. */
export async function eventsOfFiles(
  paths: readonly string[],
  venue: string | null,
): Promise<(url: string, asJson: boolean) => Promise<void>> {
  const files = await Promise.all(
    paths.map(async (path) => ({ path, read: await eventsOfFile(path, venue, null) })),
  );
  for (const { read } of files) read(['-']);
  return (url, asJson) =>
    withEvents(url, async (db) => {
      for (const { path, read } of files)
        await loadEvents(db, path, read(await venuesOf(db)), false, (summary) => {
          if (summary.interrupted)
            throw new BackhaulError({
              kind: 'interrupted',
              message: 'Interrupted before anything was loaded.',
            });
          if (asJson) print(eventLine(summary));
          else say(...eventSummaryLines(summary, false));
        });
    });
}

/** Reads a file: gives a function that makes events of it, once the venues are known that have series. */
async function eventsOfFile(
  path: string,
  venue: string | null,
  symbol: string | null,
): Promise<(venues: readonly string[]) => EventFile> {
  const { readEvents } = await import('../events/read_events.ts');
  const text = await textOf(path);
  return (venues) => {
    let assumed: string | null = null;
    const file = readEvents(text, path, {
      symbol,
      venue: (layout) => {
        if (venue !== null) return venue;
        assumed = venues.length === 1 ? venues[0]! : layout === 'massive' ? MASSIVE_STOCKS : null;
        return assumed;
      },
    });
    if (assumed !== null && assumed !== '-') say(`Of venue ${assumed}: --venue says another.`);
    return file;
  };
}

async function textOf(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message;
    throw usage(`${path} cannot be read: ${why}`);
  }
  try {
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = gunzipSync(bytes, { maxOutputLength: MOST_BYTES });
  } catch (error) {
    throw usage(`${path} cannot be unpacked: ${(error as Error).message}`);
  }
  if (bytes.length > MOST_BYTES) throw usage(`${path} is too large for a list of events`);
  return bytes.toString('utf8');
}

/** Venues that have series. */
async function venuesOf(db: Pool): Promise<string[]> {
  const { rows } = await db.query<{ venue: string }>(
    'SELECT DISTINCT venue FROM backhaul.series ORDER BY venue',
  );
  return rows.map((row) => row.venue);
}

async function loadEvents(
  db: Pool,
  path: string,
  file: EventFile,
  dryRun: boolean,
  tell: (summary: EventSummary, dryRun: boolean) => void,
): Promise<void> {
  const { changeEvents } = await import('../events/change_events.ts');
  const source = pathToFileURL(resolvePath(path)).href;
  const interrupt = listenForInterrupt(() =>
    say('Interrupted: ending with the series at work. Ctrl-C again stops at once; the same command goes on.'),
  );
  let toldAt = performance.now();
  try {
    const options = {
      dryRun,
      signal: interrupt.drain,
      onProgress: (series: number, of: number): void => {
        if (performance.now() - toldAt < PLAIN_EVERY_MS) return;
        toldAt = performance.now();
        say(`${count(series)} of ${counted(of, 'series', 'series')} computed again`);
      },
    };
    const summary = await changeEvents(db, { source, events: file.events, scope: file.scope }, options);
    tell(summary, dryRun);
    if (summary.interrupted) process.exitCode = EXIT.interrupted;
  } finally {
    interrupt.dispose();
  }
}

const listCommand: CommandModule<object, Arguments> = {
  command: 'list',
  describe: 'What is known, by venue, symbol and day',
  builder: (yargs) => declare(yargs as Argv<Arguments>, EVENT_LIST_SETTINGS),
  handler: async (argv) => {
    const { flags } = readFlags(EVENT_LIST_SETTINGS, [], argv);
    await withLoadedDatabase(flags.database, 'events', async (db) => {
      const { readAllEvents } = await import('../events/event_table.ts');
      const symbols = flags.symbols?.map((symbol) => symbol.toUpperCase());
      const all = await readAllEvents(db);
      const some =
        symbols === undefined ? all : all.filter(({ event }) => symbols.includes(event.symbol.toUpperCase()));
      if (flags.json) for (const { event, source } of some) print(eventLine(eventJson(event, { source })));
      else if (some.length === 0)
        say('No events. npx backhaul events load <file> brings splits, dividends and renames.');
      else print(eventLines(some, EVENTS_SHOWN, stdoutWidth(), stdoutStyle()));
    });
  },
};

function usage(message: string): BackhaulError {
  return new BackhaulError({ kind: 'usage', message });
}
