/** What `gaps` says: tables of gaps and suspicious runs, CSV lists, JSON events. */

import { count, counted, duration, instant, interval, percent } from '../base/quantities.ts';
import type { FillSummary } from '../gaps/fill.ts';
import { apiOf } from '../gaps/find_holes.ts';
import type { Gap } from '../gaps/gap_store.ts';
import { GapTally } from '../gaps/gap_tally.ts';
import { publishedFiles } from '../gaps/published_files.ts';
import type { SeriesScan } from '../gaps/scan.ts';
import { SUSPICIOUS_HABITS, type SuspiciousRun } from '../gaps/suspicious.ts';
import type { TradesWalk, WalkProgress } from '../gaps/trades_fill.ts';
import type { FormerName } from '../series/former_names.ts';
import { faultLine } from './fault_text.ts';
import { isoInstant } from './json_lines.ts';
import { csvLine } from './query_text.ts';
import { PLAIN, type Style } from './style.ts';
import { type Column, tableLines } from './table.ts';
import { sanitise } from './text.ts';

/** Gaps a table shows. */
export const GAPS_SHOWN = 40;

const right = 'right' as const;

/** Below so many columns of the terminal texts would be cut beyond reading, so less is told of each gap. */
const WIDE = 160;
const NARROW = 116;

/** Some gaps as a table, and how many there are besides. `width` is the terminal's. */
export function gapLines(
  gaps: readonly Gap[],
  all: Pick<GapTally, 'count' | 'venues'>,
  width: number,
  style: Style = PLAIN,
): string[] {
  if (gaps.length === 0) return [];
  const isNarrow = width < NARROW;
  const left: readonly string[] = isNarrow ? ['from now', 'file'] : width < WIDE ? ['from now'] : [];
  const oneVenue = all.venues.size === 1;
  const columns: [Column, (gap: Gap) => string][] = [
    [
      { title: 'series', cut: 'start' },
      ({ venue, symbol, intervalS }) =>
        sanitise(`${width < WIDE && oneVenue ? '' : `${venue} `}${symbol} ${interval(intervalS)}`),
    ],
    [{ title: 'from' }, (gap) => instant(gap.fromUs)],
    [{ title: 'to' }, (gap) => instant(gap.toUs)],
    [{ title: 'missing', align: right }, (gap) => count(gap.candles)],
    [{ title: 'from now', align: right }, (gap) => count(gap.candlesFromNow)],
    [{ title: 'overflow', align: right }, (gap) => (gap.overflow === null ? '' : count(gap.overflow))],
    [{ title: 'state' }, (gap) => gap.state],
    [{ title: 'file', cut: 'start' }, width < WIDE ? shortFileText : fileText],
  ];
  const told = columns.filter(([{ title }]) => !left.includes(title));
  const lines = tableLines(
    told.map(([column]) => column),
    gaps.map((gap) => told.map(([, text]) => text(gap))),
    width,
    style,
  );
  const more = all.count - gaps.length;
  return [
    ...lines,
    ...(more > 0 ? [`… and ${count(more)} more: --json and --csv have all`] : []),
    ...(isNarrow ? [style.dim('A wider terminal, --json and --csv tell the files too.')] : []),
  ];
}

function fileText({ file, files }: Gap): string {
  if (file === null) return '';
  return files > 1 ? `${sanitise(file)} and ${count(files - 1)} more` : sanitise(file);
}

/** Its name without folders and without the entry, which is named for the series. */
function shortFileText({ file, files }: Gap): string {
  if (file === null) return '';
  const name = sanitise(file.replace(/ › .*$/, '').replace(/^.*\//, ''));
  return files > 1 ? `${name} +${count(files - 1)}` : name;
}

/**
 * `12 gaps in 4 of 20 series, 1,234 bars missing: 3 within the reach of an API, 5 beyond it (in files, and slowly by
 * --api kraken-trades), 4 only in files; 2 filled`.
 */
export function gapSum(tally: GapTally, seriesLooked: number | null): string {
  const { open, filled, series, candles, reachable, slow } = tally;
  const done = filled === 0 ? '' : counted(filled, 'filled gap');
  if (open === 0) return `No open gap${done === '' ? '' : `; ${done}`}`;
  const where =
    seriesLooked === null
      ? counted(series.size, 'series', 'series')
      : `${count(series.size)} of ${count(seriesLooked)} series`;
  const inFiles = open - reachable - slow;
  const fill = [
    ...(reachable > 0 ? [`${count(reachable)} within the reach of an API`] : []),
    ...(slow > 0 ? [`${count(slow)} in files, or slowly by --api kraken-trades`] : []),
    ...(inFiles > 0 ? [`${count(inFiles)} only in files`] : []),
  ];
  const sum = `${counted(open, 'gap')} in ${where}, ${counted(candles, 'bar')} missing: ${fill.join(', ')}`;
  return done === '' ? sum : `${sum}; ${done}`;
}

const RUN_COLUMNS: readonly Column[] = [
  { title: 'series', cut: 'start' },
  { title: 'from' },
  { title: 'to' },
  { title: 'no bar', align: right },
  { title: 'habit', align: right },
  { title: 'times', align: right },
];

/** Suspicious runs with their measure, the strangest first. */
export function suspiciousLines(
  runs: readonly SuspiciousRun[],
  most: number,
  width: number,
  style: Style = PLAIN,
): string[] {
  if (runs.length === 0) return [];
  const rows = runs
    .slice(0, most)
    .map(({ series, fromUs, toUs, candles, habit, ratio }) => [
      sanitise(`${series.venue} ${series.symbol} ${interval(series.intervalS)}`),
      instant(fromUs),
      instant(toUs),
      count(candles),
      count(habit),
      `${ratio.toFixed(ratio < 10 ? 1 : 0)}×`,
    ]);
  const more = runs.length - rows.length;
  return [
    '',
    style.bold(
      `${counted(runs.length, 'suspicious run')} inside coverage: no gaps, for files vouch that nobody traded`,
    ),
    style.dim(
      `habit: bars missing that 99 of 100 spacings of the year do not exceed; suspicious above ${SUSPICIOUS_HABITS} habits`,
    ),
    ...tableLines(RUN_COLUMNS, rows, width, style),
    ...(more > 0 ? [`… and ${count(more)} more: --json has all`] : []),
  ];
}

/** A gap as an event for JSON lines. */
export function gapEvent(gap: Gap): { readonly type: 'gap' } & Record<string, unknown> {
  const { fromUs, toUs, detectedUs, changedUs, ...rest } = gap;
  return {
    type: 'gap',
    ...rest,
    api: apiOf(gap),
    startTs: fromUs,
    endTs: toUs,
    detectedTs: detectedUs,
    changedTs: changedUs,
  };
}

export function suspiciousEvent(
  run: SuspiciousRun,
): { readonly type: 'suspicious' } & Record<string, unknown> {
  const { series, fromUs, toUs, candles, habit, ratio } = run;
  const { seriesId, venue, symbol, intervalS } = series;
  return {
    type: 'suspicious',
    seriesId,
    venue,
    symbol,
    intervalS,
    startTs: fromUs,
    endTs: toUs,
    candles,
    habit,
    ratio,
  };
}

export const DOWNLOADS_HEAD =
  'file,entry,out_after,venue,symbol,interval_s,start,end,candles,candles_from_now,overflow,state';

/** A gap in a download list: a line for each of its files, so that the first column is what to fetch. `former`: by which names before. */
export function* downloadLines(
  gap: Gap,
  nowUs: number,
  former: readonly FormerName[] = [],
): Iterable<string> {
  const rest = [
    gap.venue,
    gap.symbol,
    String(gap.intervalS),
    isoInstant(gap.fromUs),
    isoInstant(gap.toUs),
    String(gap.candles),
    String(gap.candlesFromNow),
    gap.overflow === null ? null : String(gap.overflow),
    gap.state,
  ];
  let named = false;
  for (const { name, entry, periodEndUs } of publishedFiles(gap, gap, nowUs, former)) {
    named = true;
    yield csvLine([name, entry, isoInstant(periodEndUs).slice(0, 10), ...rest]);
  }
  if (!named) yield csvLine([gap.file, null, null, ...rest]);
}

/** What a scan looked at, in a line. */
export function scanned(scans: readonly SeriesScan[]): string {
  const expected = scans.reduce((sum, scan) => sum + scan.expected, 0);
  const vouched = scans.reduce((sum, scan) => sum + scan.vouched, 0);
  const share = expected === 0 ? '' : `, ${percent(vouched / expected)} covered`;
  return `${counted(scans.length, 'series', 'series')}, ${counted(expected, 'bar')} expected${share}`;
}

/** What became of a fill, and what remains. */
export function fillLines(summary: FillSummary, most: number, width: number, style: Style = PLAIN): string[] {
  const { gaps, filled, partly, candlesFilled, remaining } = summary;
  if (gaps === 0) return ['No open gap is on record: npx backhaul gaps scan looks for them'];
  const inPart = partly === 0 ? '' : `, ${count(partly)} in part`;
  const head = `${count(filled)} of ${counted(gaps, 'gap')} filled${inPart}; ${counted(candlesFilled, 'bar')} covered that were not`;
  if (remaining.length === 0) return [style.green(head)];
  const tally = new GapTally(remaining);
  return [
    filled > 0 ? style.green(head) : style.bold(head),
    `still open: ${gapSum(tally, null)}`,
    ...remaining
      .filter((gap) => gap.error !== null)
      .slice(0, 5)
      .map(
        (gap) =>
          `${style.red('failed')} ${sanitise(gap.symbol)} ${interval(gap.intervalS)} ${instant(gap.fromUs)}: ${faultLine(gap.error!)}`,
      ),
    ...gapLines(remaining.slice(0, most), tally, width, style),
  ];
}

/** The one line of a fill that found nothing of what is missing; null where it found something, or something failed. */
export function nothingFilled({ gaps, failed, candlesFilled, sources, load }: FillSummary): string | null {
  if (gaps === 0 || failed > 0 || candlesFilled > 0 || load?.interrupted === true) return null;
  if (load !== null && load.tasks.failed > 0) return null;
  const where =
    sources === 0 ? 'here' : `in ${load === null ? counted(sources, 'answer') : counted(sources, 'file')}`;
  return `nothing ${where} covers any of ${counted(gaps, 'open gap')}: nothing was changed`;
}

/** What walks through trades will take, a line each and their sum. */
export function walkPlanLines(walks: readonly TradesWalk[], paceMs: number): string[] {
  const lines = walks.map((walk) => {
    const { pair, gaps, ranges, pages, seconds } = walk;
    const intervals = [...new Set(gaps.map(({ intervalS }) => intervalS))].sort((a, b) => a - b);
    const takes =
      pages === null
        ? 'how many pages cannot be told: the bars around do not say how many trades they are of'
        : `about ${counted(pages, 'page')}, ${duration(seconds ?? 0)}`;
    const from = instant(ranges[0]!.fromUs);
    const to = instant(ranges.at(-1)!.toUs);
    const holes = ranges.length === 1 ? '' : ` in ${count(ranges.length)} stretches`;
    return `kraken ${sanitise(pair)} ${intervals.map(interval).join(', ')}: ${from} to ${to}${holes}, ${takes}`;
  });
  if (walks.length === 0) return ['No open gap of Kraken’s is on record: nothing to walk.'];
  const known = walks.filter(({ pages }) => pages !== null);
  const pages = known.reduce((sum, walk) => sum + walk.pages!, 0);
  const more = known.length < walks.length ? ', and those that cannot be told' : '';
  return [
    ...lines,
    `Trades are served 1,000 a page, a page every ${duration(paceMs / 1000)}: about ${counted(pages, 'page')}, ${duration((pages * paceMs) / 1000)}${more}. What is whole is kept; the same command goes on.`,
  ];
}

/** The same for JSON lines. */
export function walkPlanEvent({
  pair,
  gaps,
  ranges,
  pages,
  seconds,
}: TradesWalk): { readonly type: 'walk' } & Record<string, unknown> {
  return {
    type: 'walk',
    venue: 'kraken',
    symbol: pair,
    intervals: [...new Set(gaps.map(({ intervalS }) => intervalS))].sort((a, b) => a - b),
    startTs: ranges[0]!.fromUs,
    endTs: ranges.at(-1)!.toUs,
    pages,
    seconds,
  };
}

/** `kraken XBTUSD: 2024-04-03 12:00, 120 of about 2,700 pages, 118,230 trades, 2,880 bars new; 43 min left`. */
export function walkLine({ walk, atUs, pages, trades, loaded }: WalkProgress, paceMs: number): string {
  const of = walk.pages === null ? '' : ` of about ${count(Math.max(walk.pages, pages))}`;
  const left =
    walk.pages === null || walk.pages <= pages
      ? ''
      : `; about ${duration(((walk.pages - pages) * paceMs) / 1000)} left`;
  return `kraken ${sanitise(walk.pair)}: ${instant(atUs)}, ${count(pages)}${of} pages, ${counted(trades, 'trade')}, ${counted(loaded, 'bar')} new${left}`;
}
