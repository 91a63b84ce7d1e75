/** `backhaul recompute`: indicators again from the bars that stand. */

import type { Argv } from 'yargs';
import { INDICATOR_NAMES } from '../bars/columns.ts';
import { count, counted } from '../base/quantities.ts';
import { seriesText } from '../state/series/series_name.ts';
import { eventLine } from '../ui/json_lines.ts';
import { sanitise } from '../ui/text.ts';
import { DATABASE_SETTINGS } from './options/database_option.ts';
import { LOAD_SETTINGS } from './options/load_options.ts';
import { withLoadedDatabase } from './options/loaded_database.ts';
import { configuredTiers, RANGE_SETTINGS, SERIES_SETTINGS, seriesFilter } from './options/series_options.ts';
import { type Arguments, type Command, declare, onOff, readFlags } from './options/settings.ts';
import { EXIT } from './program/exit_codes.ts';
import { listenForInterrupt } from './program/interrupt.ts';
import { print, say, stderrStyle } from './program/screen.ts';

const RECOMPUTE_SETTINGS = {
  ...SERIES_SETTINGS,
  from: RANGE_SETTINGS.from,
  indicators: LOAD_SETTINGS.indicators,
  ...DATABASE_SETTINGS,
  json: onOff({ group: 'Output:', describe: 'One JSON object a line on stdout' }),
};

/** Changed series that are named as they come; --json names all. */
const SERIES_NAMED = 20;

export const command: Command = {
  settings: [RECOMPUTE_SETTINGS],
  command: 'recompute',
  describe: 'Compute indicators again from the bars that stand',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, RECOMPUTE_SETTINGS)
      .example('$0 recompute', 'all series, from their first bars')
      .example('$0 recompute --symbols XBTUSD --from 2024', 'from the nearest stored state before 2024')
      .epilogue(
        'Rows are written only where an indicator differs; claims of loads wait for a series at a time.\n--indicators: those that rows get which have none; what stands of the others is made true as well.',
      ),
  handler: async (argv) => {
    const { flags, surroundings } = readFlags(RECOMPUTE_SETTINGS, [], argv);
    const filter = seriesFilter(flags, configuredTiers(surroundings));
    const interrupt = listenForInterrupt(() =>
      say(
        'Interrupted: ending with the series at work. Ctrl-C again stops at once; what was computed stays.',
      ),
    );
    try {
      await withLoadedDatabase(flags.database, 'recompute', async (db) => {
        const { recompute } = await import('../series/recompute.ts');
        const style = stderrStyle();
        let named = 0;
        const done = await recompute(db, {
          filter,
          fromUs: flags.from ?? null,
          indicators: flags.indicators ?? INDICATOR_NAMES,
          signal: interrupt.drain,
          onSeries: (series, changed) => {
            if (flags.json)
              print(eventLine({ type: 'series', ...nameOf(series), changed } as { type: string }));
            else if (changed > 0 && ++named <= SERIES_NAMED)
              say(style.dim(`${sanitise(seriesText(series))}: ${counted(changed, 'row')} changed`));
          },
        });
        if (!flags.json && named > SERIES_NAMED)
          say(
            style.dim(`… and ${count(named - SERIES_NAMED)} more series with changed rows: --json names all`),
          );
        if (flags.json) print(eventLine(done));
        else
          print(
            `${counted(done.series, 'series', 'series')} computed again, ${counted(done.changed, 'row')} changed.`,
          );
        if (done.interrupted) process.exitCode = EXIT.interrupted;
      });
    } finally {
      interrupt.dispose();
    }
  },
};

function nameOf({ venue, symbol, intervalS }: { venue: string; symbol: string; intervalS: number }): object {
  return { venue, symbol, intervalS };
}
