/** `backhaul gaps`: find the holes between what loaded files vouch for, list them, fill them, tidy up. */

import type { Argv, CommandModule } from 'yargs';
import { Foremost } from '../base/foremost.ts';
import { counted } from '../base/quantities.ts';
import { GAP_STATES, type Gap, type GapState } from '../gaps/gap_store.ts';
import { GapTally } from '../gaps/gap_tally.ts';
import type { SeriesScan } from '../gaps/scan.ts';
import type { SuspiciousRun } from '../gaps/suspicious.ts';
import { LongGaps } from '../notify/of_commands.ts';
import type { CompanyNames } from '../series/former_names.ts';
import {
  DOWNLOADS_HEAD,
  downloadLines,
  GAPS_SHOWN,
  gapEvent,
  gapLines,
  gapSum,
  scanned,
  suspiciousEvent,
  suspiciousLines,
} from '../ui/gap_text.ts';
import { eventLine } from '../ui/json_lines.ts';
import { FILL_SETTINGS, fillCommand } from './gaps_fill.ts';
import { DATABASE_SETTINGS } from './options/database_option.ts';
import { withLoadedDatabase } from './options/loaded_database.ts';
import { NOTIFY_SETTINGS, tell } from './options/notify_option.ts';
import {
  configuredTiers,
  nowUs,
  RANGE_SETTINGS,
  refuseBoth,
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
import { print, say, stdoutGone, stdoutStyle, stdoutWidth } from './program/screen.ts';

const SHOW = 'Output:';
const json = onOff({ group: SHOW, describe: 'One JSON object a line on stdout' });
const csv = onOff({ group: SHOW, describe: 'A download list: a line for each file of each gap' });

export const SCAN_SETTINGS = {
  ...SERIES_SETTINGS,
  ...RANGE_SETTINGS,
  ...DATABASE_SETTINGS,
  ...NOTIFY_SETTINGS,
  quick: onOff({ group: 'How:', describe: 'Do not look for suspicious runs: reads no bars' }),
  json,
  csv,
};

const LIST_SETTINGS = {
  ...SERIES_SETTINGS,
  ...RANGE_SETTINGS,
  states: list(
    {
      group: 'Which:',
      describe: `Only gaps in these states: ${GAP_STATES.join(', ')}`,
      otherwise: 'all but filled',
    },
    parseStates,
  ),
  ...DATABASE_SETTINGS,
  json,
  csv,
};

const CLEANUP_SETTINGS = {
  days: value({ group: 'Which:', describe: 'Older than so many days', otherwise: '90' }, parseDays),
  ...DATABASE_SETTINGS,
  json,
};

const RUNS_SHOWN = 10;

const OPEN_STATES: readonly GapState[] = ['detected', 'unfillable', 'filling', 'failed'];

export const command: Command = {
  settings: [SCAN_SETTINGS, LIST_SETTINGS, FILL_SETTINGS, CLEANUP_SETTINGS],
  command: 'gaps',
  words: ['scan', 'list', 'fill', 'cleanup'],
  describe: 'Find, list and fill the holes in what is loaded',
  builder: (yargs) =>
    (yargs as Argv<Arguments>)
      .command([scanCommand, listCommand, fillCommand, cleanupCommand] as CommandModule[])
      .demandCommand(1, 'gaps needs one of: scan, list, fill, cleanup'),
  handler: () => {},
};

const scanCommand: CommandModule<object, Arguments> = {
  command: 'scan',
  describe: 'Look for holes before, between and after what is loaded',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, SCAN_SETTINGS)
      .example('$0 gaps scan --intervals 1h', "from each series' first bar until now")
      .example('$0 gaps scan --symbols XBTUSD --from 2020 --to 2025', 'all of five years is expected')
      .epilogue(
        'Exit code: 0 whether there are gaps or not. Ranges in which no loaded file has a say are gaps;\nwhere one does, a missing bar means that nobody traded.',
      ),
  handler: async (argv) => {
    const { flags, surroundings } = readFlags(SCAN_SETTINGS, [], argv);
    refuseBoth(flags, 'json', 'csv');
    const filter = seriesFilter(flags, configuredTiers(surroundings));
    const { from = null, to = null } = flags;
    const now = nowUs();
    await withLoadedDatabase(flags.database, 'gaps', async (db) => {
      const { scanSeries } = await import('../gaps/scan.ts');
      const { readFormerNames } = await import('../series/former_names.ts');
      const { eachGap, recordScan } = await import('../gaps/gap_store.ts');
      const { findSuspicious } = await import('../gaps/suspicious.ts');
      const scans = await scanSeries(db, { filter, fromUs: from, toUs: to, nowUs: now });
      const recorded = await recordScan(db, scans, from === null && to === null, now);
      const runs = flags.quick ? [] : await findSuspicious(db, scans);
      const tally = new GapTally();
      const worst = new Foremost<Gap>(GAPS_SHOWN, ({ candles }) => candles);
      const long = new LongGaps();
      const list = gapWriter(flags, now, flags.csv ? await readFormerNames(db, null) : new Map());
      await eachGap(db, { ...filter, states: OPEN_STATES, fromUs: from, toUs: to }, (gap) => {
        tally.take(gap);
        worst.take(gap);
        long.take(gap);
        list?.take(gap);
      });
      list?.end();
      if (flags.json) showScanJson(scans, tally, runs, recorded);
      else if (!flags.csv) showScan(scans, tally, worst.sorted(), runs);
      await tell(flags, [long.notice('gaps scan')]);
    });
  },
};

const listCommand: CommandModule<object, Arguments> = {
  command: 'list',
  describe: 'Show the gaps on record',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, LIST_SETTINGS)
      .example('$0 gaps list --states unfillable --csv', 'the files to download')
      .example('$0 gaps list --tiers TIER1', ''),
  handler: async (argv) => {
    const { flags, surroundings } = readFlags(LIST_SETTINGS, [], argv);
    refuseBoth(flags, 'json', 'csv');
    const filter = seriesFilter(flags, configuredTiers(surroundings));
    const { from = null, to = null, states = OPEN_STATES } = flags;
    const now = nowUs();
    await withLoadedDatabase(flags.database, 'gaps', async (db) => {
      const { checkRange } = await import('../gaps/scan.ts');
      const { readFormerNames } = await import('../series/former_names.ts');
      const { ageGaps, eachGap, listGaps } = await import('../gaps/gap_store.ts');
      checkRange(from, to, now);
      await ageGaps(db, now);
      const asked = { ...filter, states, fromUs: from, toUs: to };
      const list = gapWriter(flags, now, flags.csv ? await readFormerNames(db, null) : new Map());
      if (list !== null) {
        await eachGap(db, asked, list.take);
        return list.end();
      }
      const gaps = await listGaps(db, asked);
      const tally = new GapTally(gaps);
      if (gaps.length === 0) say('No such gap is on record: npx backhaul gaps scan looks for them');
      else print(gapLines(gaps, tally, stdoutWidth(), stdoutStyle()), '', gapSum(tally, null));
    });
  },
};

const cleanupCommand: CommandModule<object, Arguments> = {
  command: 'cleanup',
  describe: 'Forget gaps that were filled, or failed, long ago; unfillable ones stay',
  builder: (yargs) => declare(yargs as Argv<Arguments>, CLEANUP_SETTINGS),
  handler: async (argv) => {
    const { flags } = readFlags(CLEANUP_SETTINGS, [], argv);
    await withLoadedDatabase(flags.database, 'gaps', async (db) => {
      const { cleanUp } = await import('../gaps/gap_store.ts');
      const gone = await cleanUp(db, flags.days ?? 90);
      if (flags.json) print(eventLine({ type: 'cleanup', ...gone }));
      else print(`Forgotten: ${counted(gone.filled, 'filled gap')}, ${counted(gone.failed, 'failed one')}.`);
    });
  },
};

interface GapWriter {
  take(this: void, gap: Gap): void;
  end(): void;
}

/** Writes each gap as it comes, for `--json` and `--csv`; null: neither is asked for. */
function gapWriter(
  flags: { readonly json?: boolean | undefined; readonly csv?: boolean | undefined },
  now: number,
  names: ReadonlyMap<number, CompanyNames>,
): GapWriter | null {
  if (flags.json) return { take: (gap) => print(eventLine(gapEvent(gap))), end: () => {} };
  if (!flags.csv) return null;
  // Not before the first gap: what was asked for may be refused.
  let hasHead = false;
  const end = (): void => {
    if (!hasHead) print(DOWNLOADS_HEAD);
    hasHead = true;
  };
  const take = (gap: Gap): void => {
    end();
    for (const line of downloadLines(gap, now, names.get(gap.seriesId)?.former))
      if (!stdoutGone()) print(line);
  };
  return { take, end };
}

/** `worst`: those with most bars missing. */
function showScan(
  scans: readonly SeriesScan[],
  tally: GapTally,
  worst: readonly Gap[],
  runs: readonly SuspiciousRun[],
): void {
  const style = stdoutStyle();
  const width = stdoutWidth();
  if (tally.count === 0) print(style.green(`No gap: ${scanned(scans)}`));
  else print(gapLines(worst, tally, width, style), '', gapSum(tally, scans.length), scanned(scans));
  print(suspiciousLines(runs, RUNS_SHOWN, width, style));
  print(nextLines(tally));
}

function nextLines({ reachable, slow, hasFile }: GapTally): string[] {
  const lines: string[] = [];
  if (reachable > 0)
    lines.push('npx backhaul gaps fill --api kraken               fills what its API still has');
  if (slow > 0)
    lines.push(
      'npx backhaul gaps fill --api kraken-trades        fills the others, slowly: --dry-run says how slowly',
    );
  if (hasFile) lines.push('npx backhaul gaps list --csv                      the files to download');
  if (lines.length > 0) lines.push('npx backhaul gaps fill <folder or zip>            fills from them');
  return lines.length === 0 ? [] : ['', ...lines];
}

function showScanJson(
  scans: readonly SeriesScan[],
  tally: GapTally,
  runs: readonly SuspiciousRun[],
  recorded: { readonly added: number; readonly filled: number; readonly dropped: number },
): void {
  for (const run of runs) print(eventLine(suspiciousEvent(run)));
  const { added, filled, dropped } = recorded;
  const sums = {
    type: 'scan',
    series: scans.length,
    expected: scans.reduce((sum, scan) => sum + scan.expected, 0),
    vouched: scans.reduce((sum, scan) => sum + scan.vouched, 0),
    gaps: tally.count,
    candles: tally.candles,
    suspicious: runs.length,
    added,
    filled,
    dropped,
  };
  print(eventLine(sums));
}

function parseStates(texts: readonly string[]): readonly GapState[] {
  const expected = `some of ${GAP_STATES.join(', ')}, or all`;
  if (texts.length === 0) throw new Unreadable(expected);
  if (texts.includes('all')) return GAP_STATES;
  return texts.map((text) => {
    const state = GAP_STATES.find((one) => one === text.toLowerCase());
    if (state === undefined) throw new Unreadable(expected);
    return state;
  });
}

function parseDays(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new Unreadable('a number of days such as 90');
  return Number(text);
}
