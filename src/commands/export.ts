/** `backhaul export`: bars out of the database as Parquet, Arrow or CSV files. */

import type { Argv } from 'yargs';
import { INDICATOR_NAMES } from '../bars/columns.ts';
import { FORMATS, PARTITION_KEYS, type PartitionKey } from '../export/partition_plan.ts';
import { exportLine, exportLines } from '../ui/export_text.ts';
import { eventLine } from '../ui/json_lines.ts';
import { DATABASE_SETTINGS } from './options/database_option.ts';
import { withLoadedDatabase } from './options/loaded_database.ts';
import { configuredTiers, RANGE_SETTINGS, SERIES_SETTINGS, seriesFilter } from './options/series_options.ts';
import {
  type Arguments,
  type Command,
  declare,
  list,
  onOff,
  readFlags,
  Unreadable,
  value,
} from './options/settings.ts';
import { oneOf, parseIndicators, parseWorkers } from './options/value_parsers.ts';
import { EXIT } from './program/exit_codes.ts';
import { listenForInterrupt } from './program/interrupt.ts';
import { print, say } from './program/screen.ts';

const SHOW = 'Output:';
const BY: readonly PartitionKey[] = ['venue', 'interval', 'year'];

export const EXPORT_SETTINGS = {
  ...SERIES_SETTINGS,
  ...RANGE_SETTINGS,
  format: value(
    { group: SHOW, describe: `One of ${FORMATS.join(', ')}`, otherwise: 'parquet' },
    oneOf(...FORMATS),
  ),
  by: list(
    { group: SHOW, describe: `Cut files by these (${PARTITION_KEYS.join(', ')})`, otherwise: BY.join(',') },
    parseKeys,
  ),
  indicators: list(
    { group: SHOW, describe: 'Columns of all, of none, or of some (sma_20,rsi_14)', otherwise: 'all' },
    parseIndicators,
  ),
  workers: value(
    { group: SHOW, describe: 'Files written at once', otherwise: 'auto, a core each' },
    parseWorkers,
  ),
  json: onOff({ group: SHOW, describe: 'One JSON object a line on stdout' }),
  ...DATABASE_SETTINGS,
};

/** Between two lines of progress where nothing can be drawn. */
const PLAIN_EVERY_MS = 10_000;

export const command: Command = {
  settings: [EXPORT_SETTINGS],
  command: 'export <folder>',
  describe: 'Write bars to Parquet, Arrow or CSV files',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, EXPORT_SETTINGS)
      .positional('folder', { describe: 'A new or empty folder; one whose export was interrupted goes on' })
      .example('$0 export ./bars', 'all bars: venue=…/interval=…/year=…/bars.parquet')
      .example('$0 export ./btc --symbols XBTUSD --intervals 1h,1d --format csv.gz --by symbol,interval', '')
      .epilogue(
        'All files are of one instant of the database, sorted by symbol and time, and appear when they are whole;\nmanifest.json says the rows and the SHA-256 of each.',
      ),
  handler: async (argv) => {
    const { flags, surroundings } = readFlags(EXPORT_SETTINGS, ['folder'], argv);
    const filter = seriesFilter(flags, configuredTiers(surroundings));
    const interrupt = listenForInterrupt(() =>
      say('Interrupted: ending with the files at work. Ctrl-C again stops at once; whole files stay.'),
    );
    try {
      await withLoadedDatabase(flags.database, 'export', async (db, url) => {
        const { runExport } = await import('../export/export.ts');
        const { usableCores } = await import('../load/scaling/host_load.ts');
        const { workers = 'auto' } = flags;
        let toldAt = performance.now();
        const summary = await runExport(
          db,
          {
            url,
            folder: String(argv['folder']),
            format: flags.format ?? 'parquet',
            by: flags.by ?? BY,
            filter,
            fromUs: flags.from ?? null,
            toUs: flags.to ?? null,
            indicators: flags.indicators ?? INDICATOR_NAMES,
            workers: workers === 'auto' ? usableCores() : workers,
            drain: interrupt.drain,
          },
          {
            file: (file) => {
              if (flags.json) print(eventLine({ type: 'file', ...file } as { type: string }));
            },
            progress: (progress) => {
              if (performance.now() - toldAt < PLAIN_EVERY_MS) return;
              toldAt = performance.now();
              say(exportLine(progress));
            },
          },
        );
        if (flags.json) print(eventLine(summary));
        else print(exportLines(summary));
        if (summary.interrupted) process.exitCode = EXIT.interrupted;
      });
    } finally {
      interrupt.dispose();
    }
  },
};

function parseKeys(texts: readonly string[]): readonly PartitionKey[] {
  const keys = texts.map((text) => {
    const key = PARTITION_KEYS.find((one) => one === text.toLowerCase());
    if (key === undefined) throw new Unreadable(`some of ${PARTITION_KEYS.join(', ')}`);
    return key;
  });
  return [...new Set(keys)];
}
