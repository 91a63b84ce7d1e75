/** `backhaul gaps fill`: open gaps filled from files, from an API, or from shorter bars that stand. */

import type { Pool } from 'pg';
import type { Argv, CommandModule } from 'yargs';
import { INDICATOR_NAMES } from '../bars/columns.ts';
import { count, counted, duration } from '../base/quantities.ts';
import { BackhaulError } from '../faults/fault.ts';
import type { ApiOptions } from '../gaps/api_client.ts';
import type { FillFilter, FillSummary, GapFiller } from '../gaps/fill.ts';
import { KRAKEN_API } from '../gaps/find_holes.ts';
import { isLeftToMake } from '../series/left_to_make.ts';
import type { RollupWork } from '../series/rollup.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { faultLine } from '../ui/fault_text.ts';
import {
  fillLines,
  GAPS_SHOWN,
  gapEvent,
  nothingFilled,
  walkLine,
  walkPlanEvent,
  walkPlanLines,
} from '../ui/gap_text.ts';
import { eventLine } from '../ui/json_lines.ts';
import { rollupLine } from '../ui/rollup_text.ts';
import { sanitise } from '../ui/text.ts';
import { load, makeWhatIsLeft } from './load.ts';
import { LOAD_SETTINGS, loadOptions } from './options/load_options.ts';
import { withLoadedDatabase } from './options/loaded_database.ts';
import { configuredTiers, nowUs, SERIES_SETTINGS, seriesFilter } from './options/series_options.ts';
import {
  type Arguments,
  declare,
  onOff,
  readFlags,
  type resolve,
  Unreadable,
  value,
} from './options/settings.ts';
import { measured } from './options/telemetry_option.ts';
import { oneOf, parseText } from './options/value_parsers.ts';
import { EXIT, exitCodeOfLoad } from './program/exit_codes.ts';
import { listenForInterrupt } from './program/interrupt.ts';
import { print, say, stderrStyle, stdoutStyle, stdoutWidth } from './program/screen.ts';

/** What stands is never touched, and nothing is only shown. */
const NOT_ASKED = {
  'on-conflict': undefined,
  'dry-run': undefined,
  incremental: undefined,
  reload: undefined,
};
const {
  'on-conflict': _kept,
  'dry-run': _shown,
  incremental: _all,
  reload: _again,
  ...LOADING
} = LOAD_SETTINGS;

export const FILL_SETTINGS = {
  ...LOADING,
  tiers: SERIES_SETTINGS.tiers,
  api: value(
    {
      group: 'From an API:',
      describe:
        'Fill from the exchange: kraken (the latest 720 bars), kraken-trades (all that was ever traded, slowly)',
    },
    oneOf('kraken', 'kraken-trades'),
  ),
  'api-rate': value(
    {
      group: 'From an API:',
      describe: 'Requests a second at most (0.5)',
      otherwise: 'what the exchange publishes: 1 for kraken',
    },
    parseRate,
  ),
  derive: onOff({ group: 'From bars that stand:', describe: 'Fill longer intervals from shorter ones' }),
  'api-url': value({ group: 'From an API:', describe: 'Where the API is', otherwise: KRAKEN_API }, parseText),
  'dry-run': onOff({
    group: 'Output:',
    describe: 'With --api: show what would be asked for, and how long it takes',
  }),
};

export const fillCommand: CommandModule<object, Arguments> = {
  command: 'fill [source..]',
  describe: 'Fill open gaps from files, or from an API what it still has',
  builder: (yargs) =>
    declare(yargs as Argv<Arguments>, FILL_SETTINGS)
      .positional('source', { describe: 'Folder, file, zip, s3://bucket/prefix or https://…' })
      .example(
        '$0 gaps fill ./Kraken_OHLCVT_2024Q2.zip',
        'reads the entries that hold something missing, and no other',
      )
      .example('$0 gaps fill --api kraken', 'gaps of the last 720 bars')
      .example('$0 gaps fill --api kraken-trades --dry-run', 'how long older ones would take')
      .example('$0 gaps fill --derive --intervals 1h', 'from minutes that stand, without a download')
      .epilogue(
        'Exit code: 0 all that was asked for is covered, 3 some of it is still missing or failed (--symbols, --intervals,\n--from and --to say what is asked for; without them every open gap), 2 usage, 130 interrupted.',
      ),
  handler: async (argv) => {
    const { flags, surroundings } = readFlags(FILL_SETTINGS, ['source'], argv);
    const sources = ((argv['source'] ?? []) as readonly string[]).map(String);
    const ways = [sources.length > 0, flags.api !== undefined, flags.derive === true].filter(Boolean).length;
    if (ways !== 1)
      throw usage(
        'gaps fill needs either sources, such as a folder or a zip, or --api kraken (or kraken-trades), or --derive',
      );
    if (flags['dry-run'] === true && flags.api === undefined) throw usage('--dry-run goes with --api alone');
    const { from: fromUs = null, to: toUs = null } = flags;
    const filter: FillFilter = { ...seriesFilter(flags, configuredTiers(surroundings)), fromUs, toUs };
    if (flags['dry-run'] === true)
      return withLoadedDatabase(flags.database, 'gaps', async (db, url) =>
        showApiPlan(db, url, flags, filter),
      );
    await measured('gaps fill', flags['metrics-port'], (telemetry) =>
      withLoadedDatabase(flags.database, 'gaps', async (_db, url) => {
        const summary =
          flags.derive === true
            ? await fillFromShorter(filter, url)
            : flags.api === undefined
              ? await fillFromFiles(sources, flags, filter, url, telemetry)
              : flags.api === 'kraken'
                ? await fillByAsking(flags, filter, url, telemetry, 'fetched', (options) =>
                    askedOfApi(flags, options),
                  )
                : await fillByAsking(flags, filter, url, telemetry, 'walked', (options) =>
                    walkedByTrades(flags, options),
                  );
        telemetry?.filled(summary);
        showFill(summary, flags.json ?? false);
      }),
    );
  },
};

type FillFlags = ReturnType<typeof resolve<typeof FILL_SETTINGS>>;

async function fillFromFiles(
  sources: readonly string[],
  flags: FillFlags,
  filter: FillFilter,
  url: string,
  telemetry: Telemetry | null,
): Promise<FillSummary> {
  const { fillGaps, fromFiles } = await import('../gaps/fill.ts');
  const { openSource } = await import('../producer/open_source.ts');
  // Whether anybody chose symbols is all the fill asks of them: it names those of the gaps.
  const chosen = filter.symbols ?? filter.tierSymbols;
  const options = { ...loadOptions(sources, { ...flags, ...NOT_ASKED }, url), symbols: chosen };
  for (const source of sources) await openSource(source, options.sourceOptions);
  const showing = {
    json: flags.json ?? false,
    verbose: flags.verbose ?? false,
    summary: false,
    logFile: flags['log-file'] ?? null,
    telemetry,
  };
  return fillGaps(
    url,
    filter,
    nowUs(),
    fromFiles(options, async (narrowed, select) => {
      let mayBeLeft = true;
      const summary = await load(
        narrowed,
        showing,
        async () => select,
        async (db) => {
          mayBeLeft = await isLeftToMake(db).catch(() => true);
        },
      );
      // What came under a name from before is put under that of the gap, before anybody looks what is still missing.
      if (!summary.interrupted && mayBeLeft) await makeWhatIsLeft(url);
      return summary;
    }),
  );
}

/** Fills by asking an API; an interrupt ends it with what it has `got` so far. */
async function fillByAsking(
  flags: FillFlags,
  filter: FillFilter,
  url: string,
  telemetry: Telemetry | null,
  got: 'fetched' | 'walked',
  attempt: (options: Omit<ApiOptions, 'venue'>) => Promise<GapFiller>,
): Promise<FillSummary> {
  const { fillGaps } = await import('../gaps/fill.ts');
  const interrupt = listenForInterrupt(() => say(`Interrupted: what was ${got} stays.`));
  try {
    const asking = await attempt(apiOptions(flags, interrupt.drain, telemetry));
    return await fillGaps(url, filter, nowUs(), asking);
  } finally {
    interrupt.dispose();
  }
}

async function askedOfApi(flags: FillFlags, options: Omit<ApiOptions, 'venue'>): Promise<GapFiller> {
  const { fromKrakenApi } = await import('../gaps/api_fill.ts');
  const { KrakenApi } = await import('../gaps/kraken_api.ts');
  return fromKrakenApi({
    api: new KrakenApi(options),
    indicators: flags.indicators ?? INDICATOR_NAMES,
    onSeries: (text) => say(stderrStyle().dim(sanitise(text))),
  });
}

/** How an API is asked, whichever it is. */
function apiOptions(
  flags: FillFlags,
  signal: AbortSignal,
  telemetry: Telemetry | null,
): Omit<ApiOptions, 'venue'> {
  const rate = flags['api-rate'];
  return {
    baseUrl: flags['api-url'] ?? KRAKEN_API,
    signal,
    ...(rate === undefined ? {} : { paceMs: 1000 / rate }),
    onRequest: (request) => telemetry?.request(request),
  };
}

/** Between two lines that say how far a walk is. */
const WALK_EVERY_MS = 10_000;

async function walkedByTrades(flags: FillFlags, options: Omit<ApiOptions, 'venue'>): Promise<GapFiller> {
  const { fromKrakenTrades } = await import('../gaps/trades_fill.ts');
  const { KrakenTrades } = await import('../gaps/kraken_trades.ts');
  const api = new KrakenTrades(options);
  let toldAt = performance.now();
  return fromKrakenTrades({
    api,
    indicators: flags.indicators ?? INDICATOR_NAMES,
    onPlan: (walks) => {
      if (flags.json) for (const walk of walks) print(eventLine(walkPlanEvent(walk)));
      else say(...walkPlanLines(walks, api.paceMs));
    },
    onProgress: (progress) => {
      if (performance.now() - toldAt < WALK_EVERY_MS) return;
      toldAt = performance.now();
      say(stderrStyle().dim(walkLine(progress, api.paceMs)));
    },
    onEnd: (progress, fault) => {
      say(stderrStyle().dim(walkLine({ ...progress, walk: { ...progress.walk, pages: null } }, api.paceMs)));
      if (fault !== null) say(`kraken ${sanitise(progress.walk.pair)}: ${faultLine(fault)}`);
    },
  });
}

/** What a fill from an API would ask for; nothing is asked, and nothing changed. */
async function showApiPlan(db: Pool, url: string, flags: FillFlags, filter: FillFilter): Promise<void> {
  const { gapsToFill } = await import('../gaps/fill.ts');
  const { ApiClient } = await import('../gaps/api_client.ts');
  const never = new AbortController().signal;
  const { paceMs } = new ApiClient({ ...apiOptions(flags, never, null), venue: 'kraken' });
  const gaps = await gapsToFill(url, filter, nowUs());
  if (flags.api === 'kraken') {
    const { reaches } = await import('../gaps/api_fill.ts');
    const { underOwnName } = await import('../gaps/own_name.ts');
    const reached = await underOwnName(
      db,
      gaps.filter((gap) => gap.venue === 'kraken' && reaches(gap)),
    );
    const requests = new Set(reached.map(({ seriesId }) => seriesId)).size;
    const seconds = (requests * paceMs) / 1000;
    if (flags.json) print(eventLine({ type: 'plan', ...{ gaps: reached.length, requests, seconds } }));
    else
      print(
        `${counted(reached.length, 'gap')} of ${count(gaps.length)} within its reach: ${counted(requests, 'request')}, ${duration(seconds)}. Nothing was asked.`,
      );
    return;
  }
  const { planWalks } = await import('../gaps/trades_fill.ts');
  const walks = await planWalks(db, gaps, paceMs);
  if (flags.json) for (const walk of walks) print(eventLine(walkPlanEvent(walk)));
  else print(walkPlanLines(walks, paceMs), 'Nothing was asked.');
}

async function fillFromShorter(filter: FillFilter, url: string): Promise<FillSummary> {
  const { fillGaps } = await import('../gaps/fill.ts');
  const { fromShorterBars } = await import('../gaps/derive_fill.ts');
  const interrupt = listenForInterrupt(() => say('Interrupted: what was made stays.'));
  try {
    const onSeries = (work: RollupWork, bars: number): void =>
      say(stderrStyle().dim(rollupLine(work, 1, bars)));
    return await fillGaps(url, filter, nowUs(), fromShorterBars({ signal: interrupt.drain, onSeries }));
  } finally {
    interrupt.dispose();
  }
}

function showFill(summary: FillSummary, asJson: boolean): void {
  process.exitCode = exitCodeOfFill(summary);
  if (asJson) {
    for (const gap of summary.remaining) print(eventLine(gapEvent(gap)));
    const { remaining, load: _summary, ...sums } = summary;
    const line = { ...sums, remaining: remaining.length };
    print(eventLine(line));
    return;
  }
  const nothing = nothingFilled(summary);
  if (nothing !== null) say(`backhaul: ${nothing}`);
  else print(fillLines(summary, GAPS_SHOWN, stdoutWidth(), stdoutStyle()));
}

/** 3 as long as something of what was asked for is missing, or a file that was read has rejects. */
function exitCodeOfFill(summary: FillSummary): number {
  if (summary.load?.interrupted === true) return EXIT.interrupted;
  if (summary.remaining.length > 0) return EXIT.incomplete;
  return summary.load === null ? EXIT.fine : exitCodeOfLoad(summary.load);
}

/** Requests a second: an exchange that is asked more often answers less. */
function parseRate(text: string): number {
  const rate = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || rate < 0.001 || rate > 1000)
    throw new Unreadable('requests a second, such as 1 or 0.5');
  return rate;
}

function usage(message: string): BackhaulError {
  return new BackhaulError({ kind: 'usage', message });
}
