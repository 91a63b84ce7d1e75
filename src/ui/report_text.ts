/** The report for a terminal, as CSV and as JSON events. */

import { count, counted, instant, interval, percent } from '../base/quantities.ts';
import type { SuspiciousRun } from '../gaps/suspicious.ts';
import { type Cell, type Report, type ReportRow, rangeLine, shareCovered } from '../report/completeness.ts';
import { nextCommands } from '../report/next_commands.ts';
import { isoInstant } from './json_lines.ts';
import { csvLine } from './query_text.ts';
import { PLAIN, type Style } from './style.ts';
import { type Column, tableLines } from './table.ts';
import { sanitise } from './text.ts';

/** The page. `most` bounds the symbols shown; `width` is the terminal's. */
export function reportLines(report: Report, most: number, width: number, style: Style = PLAIN): string[] {
  if (report.rows.length === 0) return ['Nothing is loaded yet.', ...nextText(report, style)];
  const rows = report.rows.slice(0, most);
  const hasTiers = report.rows.some((row) => row.tier !== null);
  const columns: Column[] = [
    ...(hasTiers ? [{ title: 'tier' }] : []),
    { title: 'symbol' },
    ...report.intervals.map((seconds) => ({ title: interval(seconds), align: 'right' as const })),
    { title: 'range', cut: 'end' as const },
  ];
  const cells = rows.map((row) => [
    ...(hasTiers ? [row.tier ?? ''] : []),
    sanitise(`${row.venue} ${row.symbol}`),
    ...report.intervals.map((seconds) => cellText(row.cells.get(seconds))),
    rangeText(row),
  ]);
  const more = report.rows.length - rows.length;
  return [
    ...tableLines(columns, cells, width, style),
    ...(more > 0
      ? [`… and ${count(more)} symbols that are more complete: --json, --csv and --html have all`]
      : []),
    ...report.absent.map((one) => style.red(`${one.tier} ${sanitise(one.symbol)}: nothing is loaded`)),
    '',
    style.dim(
      '✓ all covered; else the share of expected bars that files vouch for, and gaps: a within the reach',
    ),
    style.dim(
      'of an API, f beyond it, in files (Kraken: slowly from trades); s stretches without a bar that files vouch for and that look suspicious',
    ),
    ...(report.rows.some(({ cells: some }) => [...some.values()].some(({ derived }) => derived.length > 0))
      ? [style.dim('d: made of shorter bars, at least in part; --json says which stretches')]
      : []),
    '',
    sumText(report, style),
    ...suspiciousText(report, style),
    style.dim(rangeLine(report)),
    ...nextText(report, style),
  ];
}

function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return '';
  if (cell.expected === 0) return '–';
  const gaps = [
    ...(cell.fillable.length > 0 ? [`${count(cell.fillable.length)}a`] : []),
    ...(cell.unfillable.length > 0 ? [`${count(cell.unfillable.length)}f`] : []),
  ];
  const strange = cell.suspicious.length > 0 ? [`${count(cell.suspicious.length)}s`] : [];
  const made = cell.derived.length > 0 ? ['d'] : [];
  if (gaps.length + strange.length === 0) return ['✓', ...made].join(' ');
  const all = [...gaps, ...strange, ...made];
  return `${percent(shareCovered(cell))} ${all.join(' ')}`;
}

/** Suspicious stretches told in the terminal, the strangest. */
const RUNS_SHOWN = 5;

function suspiciousText({ suspicious }: Report, style: Style): string[] {
  if (suspicious.length === 0) return [];
  const bars = suspicious.reduce((sum, run) => sum + run.candles, 0);
  const more = suspicious.length - RUNS_SHOWN;
  return [
    style.yellow(
      `${counted(suspicious.length, 'suspicious stretch', 'suspicious stretches')} without a bar, ${counted(bars, 'bar')} in all, inside what files vouch for:`,
    ),
    ...suspicious
      .slice(0, RUNS_SHOWN)
      .map(
        ({ series, fromUs, toUs, candles }) =>
          `  ${sanitise(`${series.venue} ${series.symbol}`)} ${interval(series.intervalS)}  ${instant(fromUs)} to ${instant(toUs)}, ${counted(candles, 'bar')}`,
      ),
    ...(more > 0 ? [`  … and ${count(more)} more: npx backhaul gaps scan`] : []),
  ];
}

function rangeText(row: ReportRow): string {
  const cells = [...row.cells.values()].filter((cell) => cell.fromUs !== null);
  if (cells.length === 0) return '';
  const from = Math.min(...cells.map((cell) => cell.fromUs!));
  const to = Math.max(...cells.map((cell) => cell.toUs!));
  return `${instant(from).slice(0, 10)} … ${instant(to).slice(0, 10)}`;
}

function sumText(report: Report, style: Style): string {
  const { expected, vouched, bars, gaps } = report;
  const share = percent(shareCovered(report));
  const text = `${counted(expected, 'bar')} expected, ${share} covered, ${count(bars)} there; ${counted(gaps.length, 'gap')}, ${counted(expected - vouched, 'bar')} missing`;
  return gaps.length === 0 && report.suspicious.length === 0 ? style.green(text) : style.bold(text);
}

function nextText(report: Report, style: Style): string[] {
  const next = nextCommands(report);
  const longest = Math.max(...next.map(({ command }) => command.length));
  return ['', 'Next:', ...next.map(({ command, why }) => `  ${command.padEnd(longest)}  ${style.dim(why)}`)];
}

const CSV_HEAD =
  'venue,symbol,tier,interval_s,from,to,expected,covered,bars,share,missing,gaps_api,gaps_file,suspicious,suspicious_bars,derived,derived_from';

/** A line a series, worst first. */
export function* reportCsv(report: Report): Iterable<string> {
  yield CSV_HEAD;
  for (const row of report.rows) {
    for (const cell of row.cells.values()) {
      yield csvLine([
        row.venue,
        row.symbol,
        row.tier,
        String(cell.series.intervalS),
        cell.fromUs === null ? null : isoInstant(cell.fromUs),
        cell.toUs === null ? null : isoInstant(cell.toUs),
        String(cell.expected),
        String(cell.vouched),
        String(cell.bars),
        String(shareCovered(cell)),
        String(cell.expected - cell.vouched),
        String(cell.fillable.length),
        String(cell.unfillable.length),
        String(cell.suspicious.length),
        String(barsIn(cell.suspicious)),
        String(cell.derived.length),
        derivedFrom(cell) || null,
      ]);
    }
  }
}

/** The stretches made of shorter bars, `from/to of 1m`, one behind the other. */
function derivedFrom({ derived }: Cell): string {
  return derived
    .map(
      ({ fromUs, toUs, fromIntervalS }) =>
        `${isoInstant(fromUs)}/${isoInstant(toUs)} of ${interval(fromIntervalS)}`,
    )
    .join('; ');
}

function barsIn(runs: readonly SuspiciousRun[]): number {
  return runs.reduce((sum, run) => sum + run.candles, 0);
}

type Event = { readonly type: string } & Record<string, unknown>;

/** One event a series, then the sums with the commands that help. */
export function* reportEvents(report: Report): Iterable<Event> {
  for (const row of report.rows) {
    for (const cell of row.cells.values()) {
      yield {
        type: 'completeness',
        venue: row.venue,
        symbol: row.symbol,
        tier: row.tier,
        intervalS: cell.series.intervalS,
        fromTs: cell.fromUs,
        toTs: cell.toUs,
        expected: cell.expected,
        covered: cell.vouched,
        bars: cell.bars,
        share: shareCovered(cell),
        missing: cell.expected - cell.vouched,
        gapsApi: cell.fillable.length,
        gapsFile: cell.unfillable.length,
        suspicious: cell.suspicious.map(({ fromUs, toUs, candles, habit, ratio }) => ({
          startTs: isoInstant(fromUs),
          endTs: isoInstant(toUs),
          candles,
          habit,
          ratio,
        })),
        derived: cell.derived.map(({ fromUs, toUs, fromIntervalS }) => ({
          startTs: isoInstant(fromUs),
          endTs: isoInstant(toUs),
          fromIntervalS,
        })),
        months: cell.months.map(({ monthUs, expected, vouched, bars }) => ({
          month: isoInstant(monthUs).slice(0, 7),
          expected,
          covered: vouched,
          bars,
        })),
      };
    }
  }
  yield {
    type: 'report',
    series: report.rows.reduce((sum, row) => sum + row.cells.size, 0),
    expected: report.expected,
    covered: report.vouched,
    bars: report.bars,
    share: shareCovered(report),
    gaps: report.gaps.length,
    suspicious: report.suspicious.length,
    suspiciousBars: barsIn(report.suspicious),
    upTo: report.options.toUs === null ? (report.options.upTo ?? 'now') : isoInstant(report.options.toUs),
    behind: report.behind,
    absent: report.absent,
    next: nextCommands(report),
  };
}
