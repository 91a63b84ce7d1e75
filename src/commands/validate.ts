/** `backhaul validate`: data-quality checks over what is loaded. */

import type { Argv } from 'yargs';
import { interval as intervalText } from '../base/quantities.ts';
import { noticesOfFindings } from '../notify/of_commands.ts';
import { eventLine } from '../ui/json_lines.ts';
import { validationEvents, validationLines } from '../ui/validate_text.ts';
import { CHECK_TEXTS, CHECKS, type Check, type Finding } from '../validate/findings.ts';
import { DATABASE_SETTINGS } from './options/database_option.ts';
import { withLoadedDatabase } from './options/loaded_database.ts';
import { NOTIFY_SETTINGS, tell } from './options/notify_option.ts';
import {
  configuredTiers,
  nowUs,
  RANGE_SETTINGS,
  SERIES_SETTINGS,
  seriesFilter,
} from './options/series_options.ts';
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
import { EXIT } from './program/exit_codes.ts';
import { print, say, stderrStyle, stdoutStyle, stdoutWidth } from './program/screen.ts';

const HOW = 'Checks:';

export const VALIDATE_SETTINGS = {
  ...SERIES_SETTINGS,
  ...RANGE_SETTINGS,
  checks: list({ group: HOW, describe: `Only some of ${CHECKS.join(', ')}`, otherwise: 'all' }, parseChecks),
  'stale-hours': value(
    {
      group: HOW,
      describe: 'A series whose last expected bar is missing for longer is stale',
      otherwise: 'not checked',
    },
    parsePositive,
  ),
  'jump-deviations': value(
    {
      group: HOW,
      describe: 'Usual moves of the series (a robust deviation) that a jump exceeds',
      otherwise: '20',
    },
    parsePositive,
  ),
  'volume-deviations': value(
    {
      group: HOW,
      describe: "Robust deviations of the series' log volume that an outlier exceeds",
      otherwise: '6',
    },
    parsePositive,
  ),
  ...NOTIFY_SETTINGS,
  ...DATABASE_SETTINGS,
  json: onOff({ group: 'Output:', describe: 'One JSON object a line on stdout' }),
};

const DEFAULTS = { jumpDeviations: 20, volumeDeviations: 6 };

const FINDINGS_SHOWN = 60;

export const command: Command = {
  settings: [VALIDATE_SETTINGS],
  command: 'validate',
  describe: 'Check the bars that are loaded: sanity, jumps, outliers, freshness, intervals, counts',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, VALIDATE_SETTINGS)
      .example('$0 validate --stale-hours 48', '')
      .example('$0 validate --checks ohlc,intervals --symbols XBTUSD', '')
      .epilogue('Exit code: 0 nothing found, 3 something was.'),
  handler: async (argv) => {
    const { flags, surroundings } = readFlags(VALIDATE_SETTINGS, [], argv);
    const filter = seriesFilter(flags, configuredTiers(surroundings));
    const style = stderrStyle();
    await withLoadedDatabase(flags.database, 'validate', async (db) => {
      const { validate } = await import('../validate/validate.ts');
      const done = await validate(db, {
        filter,
        fromUs: flags.from ?? null,
        toUs: flags.to ?? null,
        nowUs: nowUs(),
        checks: flags.checks ?? CHECKS,
        staleHours: flags['stale-hours'] ?? null,
        jumpDeviations: flags['jump-deviations'] ?? DEFAULTS.jumpDeviations,
        volumeDeviations: flags['volume-deviations'] ?? DEFAULTS.volumeDeviations,
        onCheck: (check) => {
          if (process.stderr.isTTY) say(style.dim(`${check}: ${CHECK_TEXTS[check]} …`));
        },
      });
      if (flags.json) for (const event of validationEvents(done)) print(eventLine(event));
      else print(validationLines(done, FINDINGS_SHOWN, stdoutWidth(), stdoutStyle()));
      if (done.findings.length > 0) process.exitCode = EXIT.incomplete;
      await tell(flags, noticesOfFindings(done.findings.map(withSeries), 'validate'));
    });
  },
};

/** A finding's text names no series by itself. */
function withSeries(finding: Finding): Finding {
  const { venue, symbol, intervalS, text } = finding;
  return { ...finding, text: `${venue} ${symbol ?? '*'} ${intervalText(intervalS)}: ${text}` };
}

function parseChecks(texts: readonly string[]): readonly Check[] {
  const expected = `some of ${CHECKS.join(', ')}`;
  if (texts.length === 0) throw new Unreadable(expected);
  const checks = texts.map((text) => CHECKS.find((check) => check === text.toLowerCase()));
  if (checks.includes(undefined)) throw new Unreadable(expected);
  return CHECKS.filter((check) => checks.includes(check));
}

function parsePositive(text: string): number {
  const number = Number(text);
  if (!/^\d{1,9}(\.\d+)?$/.test(text) || number <= 0) throw new Unreadable('a number above 0');
  return number;
}
