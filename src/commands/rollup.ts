/** `backhaul rollup`: longer bars from shorter ones that stand. */

import type { Argv } from 'yargs';
import { count } from '../base/quantities.ts';
import type { RollupWork } from '../series/rollup.ts';
import { eventLine } from '../ui/json_lines.ts';
import { rollupLine, rollupSummary, rollupWorkLine } from '../ui/rollup_text.ts';
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
  readWord,
} from './options/settings.ts';
import { parseRollups } from './options/value_parsers.ts';
import { EXIT } from './program/exit_codes.ts';
import { listenForInterrupt } from './program/interrupt.ts';
import { print, say, stderrStyle } from './program/screen.ts';

const { intervals: _shorter, ...WHICH_SERIES } = SERIES_SETTINGS;

const ROLLUP_SETTINGS = {
  ...WHICH_SERIES,
  ...RANGE_SETTINGS,
  ...DATABASE_SETTINGS,
  'dry-run': onOff({ group: 'Output:', describe: 'Show what would be made; write nothing' }),
  json: onOff({ group: 'Output:', describe: 'One JSON object a line on stdout' }),
};

const INTERVALS = list({ group: '', describe: '' }, parseRollups);

/** Series named where nobody asked for JSON. */
const SERIES_NAMED = 40;
/** Between two lines of progress. */
const PROGRESS_EVERY_MS = 10_000;

export const command: Command = {
  settings: [ROLLUP_SETTINGS],
  command: 'rollup <intervals>',
  describe: 'Make longer bars from shorter ones that stand',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, ROLLUP_SETTINGS)
      .positional('intervals', { describe: 'Of the longer bars: 5m,1h,1d,1w,1mo' })
      .example('$0 rollup 5m,1h,1d,1w', 'of all markets')
      .example('$0 rollup 1h --symbols XBTUSD --from 2024', '')
      .epilogue(
        'A bar of the vendor’s own stays as it is. Loads go on with what was made once. Claims of loads wait for a stretch\nat a time; the same command goes on where it was stopped.',
      ),
  handler: async (argv) => {
    const { flags, surroundings } = readFlags(ROLLUP_SETTINGS, ['intervals'], argv);
    const rollups = readWord('intervals', INTERVALS, String(argv['intervals']));
    const filter = { ...seriesFilter({ ...flags, intervals: undefined }, configuredTiers(surroundings)) };
    const interrupt = listenForInterrupt(() =>
      say('Interrupted: ending with the stretch at work. Ctrl-C again stops at once; what was made stays.'),
    );
    try {
      await withLoadedDatabase(flags.database, 'rollup', async (db) => {
        const { rollUp } = await import('../series/rollup.ts');
        const isDry = flags['dry-run'] ?? false;
        let toldAt = performance.now();
        let named = 0;
        const summary = await rollUp(db, {
          filter,
          rollups,
          fromUs: flags.from ?? null,
          toUs: flags.to ?? null,
          dryRun: isDry,
          signal: interrupt.drain,
          onPlan: (work) => {
            if (!isDry) return;
            if (flags.json) print(eventLine(planOf(work)));
            else if (++named <= SERIES_NAMED) print(rollupWorkLine(work));
          },
          onProgress: (work, share, written) => {
            if (performance.now() - toldAt < PROGRESS_EVERY_MS) return;
            toldAt = performance.now();
            say(rollupLine(work, share, written));
          },
          onSeries: (work, bars) => {
            if (flags.json) print(eventLine(madeOf(work, bars)));
            else if (process.stderr.isTTY === true && ++named <= SERIES_NAMED)
              say(stderrStyle().dim(rollupLine(work, 1, bars)));
          },
        });
        if (named > SERIES_NAMED) {
          const more = `… and ${count(named - SERIES_NAMED)} more: --json names all`;
          if (isDry) print(more);
          else say(stderrStyle().dim(more));
        }
        if (flags.json) print(eventLine(summary));
        else print(rollupSummary(summary));
        if (summary.interrupted) process.exitCode = EXIT.interrupted;
      });
    } finally {
      interrupt.dispose();
    }
  },
};

function planOf(work: RollupWork): { readonly type: string } {
  const event = { type: 'plan', ...nameOf(work), ranges: work.todo };
  return event;
}

function madeOf(work: RollupWork, bars: number): { readonly type: string } {
  const event = { type: 'series', ...nameOf(work), bars };
  return event;
}

function nameOf({ base, rollupS }: RollupWork): object {
  const { venue, symbol, intervalS } = base;
  return { venue, symbol, intervalS: rollupS, fromIntervalS: intervalS };
}
