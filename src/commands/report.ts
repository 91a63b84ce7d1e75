/** `backhaul report`: how complete the data is, by symbol and interval. */

import type { Argv } from 'yargs';
import type { Report } from '../report/completeness.ts';
import { eventLine } from '../ui/json_lines.ts';
import { DATABASE_SETTINGS } from './options/database_option.ts';
import { withLoadedDatabase } from './options/loaded_database.ts';
import {
  configuredTiers,
  nowUs,
  RANGE_SETTINGS,
  refuseBoth,
  SERIES_SETTINGS,
  seriesFilter,
} from './options/series_options.ts';
import { type Arguments, type Command, declare, onOff, readFlags, value } from './options/settings.ts';
import { parseText, parseTime } from './options/value_parsers.ts';
import { print, say, stdoutStyle, stdoutWidth } from './program/screen.ts';

const SHOW = 'Output:';

export const REPORT_SETTINGS = {
  ...SERIES_SETTINGS,
  from: RANGE_SETTINGS.from,
  to: value(
    {
      group: 'Which:',
      describe: 'Before this instant; now: also what has come since the last files',
      otherwise: 'as far as the files of each series reach',
    },
    (text) => (text.trim().toLowerCase() === 'now' ? ('now' as const) : parseTime(text)),
  ),
  ...DATABASE_SETTINGS,
  json: onOff({ group: SHOW, describe: 'One JSON object a line on stdout' }),
  csv: onOff({ group: SHOW, describe: 'CSV with a header, a line a series' }),
  html: value({ group: SHOW, describe: 'Write one page with a heat map by month to this file' }, parseText),
};

/** Symbols the terminal shows: the worst. */
const ROWS_SHOWN = 60;

export const command: Command = {
  settings: [REPORT_SETTINGS],
  command: 'report',
  describe: 'Show how complete the data is, by symbol and interval',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, REPORT_SETTINGS)
      .example('$0 report', "from each series' first bar to the end of its files")
      .example('$0 report --to now', 'and what is missing since')
      .example('$0 report --tiers TIER1 --from 2024 --html report.html', ''),
  handler: async (argv) => {
    const { flags, surroundings } = readFlags(REPORT_SETTINGS, [], argv);
    refuseBoth(flags, 'json', 'csv');
    const tiers = configuredTiers(surroundings);
    const { from = null, to = null } = flags;
    const options = {
      filter: seriesFilter(flags, tiers),
      tiers,
      fromUs: from,
      toUs: to === 'now' ? null : to,
      upTo: to === 'now' ? ('now' as const) : ('files' as const),
      nowUs: nowUs(),
    };
    await withLoadedDatabase(flags.database, 'report', async (db) => {
      const { readReport } = await import('../report/completeness.ts');
      const { reportCsv, reportEvents, reportLines } = await import('../ui/report_text.ts');
      const report = await readReport(db, options);
      if (flags.html !== undefined) await writePage(report, flags.html);
      if (flags.json) for (const event of reportEvents(report)) print(eventLine(event));
      else if (flags.csv) for (const line of reportCsv(report)) print(line);
      else print(reportLines(report, ROWS_SHOWN, stdoutWidth(), stdoutStyle()));
    });
  },
};

async function writePage(report: Report, path: string): Promise<void> {
  const { writeFile } = await import('node:fs/promises');
  const { BackhaulError } = await import('../faults/fault.ts');
  const { reportHtml } = await import('../report/report_html.ts');
  try {
    await writeFile(path, reportHtml(report));
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new BackhaulError({ kind: 'usage', message: `--html cannot be written to: ${path}`, code });
  }
  say(`Written: ${path}`);
}
