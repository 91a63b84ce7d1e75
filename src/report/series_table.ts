/**
 * All series on the report's page: ten thousand of them as data, of which a script inside the page shows those in view.
 * The page stays one file, and runs that script and no other: its hash stands in the page's policy.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { instant, interval } from '../base/quantities.ts';
import { type Cell, type Report, shareCovered } from './completeness.ts';

const SCRIPT = new URL('./static/series_table.js', import.meta.url);

/** Derived stretches told of a series; the page says how many more there are. */
const STRETCHES_TOLD = 20;

/** What the page's policy allows to run, as a source of `script-src`. */
export interface SeriesTable {
  readonly html: string;
  readonly scriptSource: string;
}

export function seriesTable(report: Report): SeriesTable {
  const script = readFileSync(SCRIPT, 'utf8');
  const hash = createHash('sha256').update(script).digest('base64');
  return {
    scriptSource: `'sha256-${hash}'`,
    html: `<section id="series" hidden><h2>All series</h2>
<p class="lead">Words in the box are looked for in tier, venue, symbol and interval (<kbd>/</kbd> goes there); a column’s name sorts by it.</p>
<div class="controls">
<label>Filter <input type="search" id="series-filter" autocomplete="off" spellcheck="false"></label>
<label>Group by <select id="series-group"><option value="">nothing</option><option value="tier">tier</option><option value="venue">venue</option><option value="interval">interval</option><option value="symbol">symbol</option></select></label>
<label><input type="checkbox" id="series-incomplete"> incomplete only</label>
<output id="series-found" aria-live="polite"></output>
</div>
<div class="area" id="series-area" role="region" aria-label="All series" tabindex="0">
<table class="series" id="series-table"><thead><tr id="series-head"></tr></thead><tbody id="series-body"></tbody></table>
</div>
<script type="application/json" id="series-data">${inScript(JSON.stringify(tableData(report)))}</script>
<script>${script}</script>
</section>`,
  };
}

/** JSON that cannot end the element it stands in. */
function inScript(json: string): string {
  return json.replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
}

/** Control characters and those that turn text around have no business on a page. */
function shown(text: string): string {
  return text.replaceAll(/\p{Cc}|[\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu, '\ufffd');
}

const NAMES = [
  'tier',
  'venue',
  'symbol',
  'interval',
  'from',
  'to',
  'expected',
  'covered',
  'bars',
  'gapsApi',
  'gapsFile',
  'suspicious',
  'suspiciousBars',
  'derived',
  'derivedAll',
  'months',
] as const;

/** A series as a list in the order of {@link NAMES}: names repeated ten thousand times would be half of the page. */
function tableData(report: Report): unknown {
  const cells = report.rows.flatMap((row) => [...row.cells.values()].map((cell) => ({ row, cell })));
  const starts = cells.flatMap(({ cell }) => (cell.fromUs === null ? [] : [cell.fromUs]));
  const ends = cells.flatMap(({ cell }) => (cell.toUs === null ? [] : [cell.toUs - 1]));
  const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), -Infinity);
  const firstMonth = starts.length === 0 ? 0 : monthOf(least(starts));
  const months = ends.length === 0 ? 1 : monthOf(most(ends)) - firstMonth + 1;
  const tiers = [...new Set(report.rows.map((row) => row.tier ?? ''))];
  const venues = [...new Set(report.rows.map((row) => row.venue))];
  const series = cells.map(({ row, cell }) => [
    tiers.indexOf(row.tier ?? ''),
    venues.indexOf(row.venue),
    shown(row.symbol),
    report.intervals.indexOf(cell.series.intervalS),
    dayOf(cell.fromUs),
    dayOf(cell.toUs),
    cell.expected,
    cell.vouched,
    cell.bars,
    cell.fillable.length,
    cell.unfillable.length,
    cell.suspicious.length,
    cell.suspicious.reduce((sum, run) => sum + run.candles, 0),
    cell.derived
      .slice(0, STRETCHES_TOLD)
      .map((one) => [instant(one.fromUs), instant(one.toUs), interval(one.fromIntervalS)]),
    cell.derived.length,
    runsOfMonths(cell, firstMonth),
  ]);
  return {
    names: NAMES,
    tiers: tiers.map(shown),
    venues: venues.map(shown),
    intervals: report.intervals.map((seconds) => ({ seconds, text: interval(seconds) })),
    firstMonth,
    months,
    series,
  };
}

/** Days since 1970. */
function dayOf(us: number | null): number | null {
  return us === null ? null : Math.floor(us / 86_400e6);
}

/** Months since the year 0, UTC. */
function monthOf(us: number): number {
  const date = new Date(Math.floor(us / 1000));
  return 12 * date.getUTCFullYear() + date.getUTCMonth();
}

/**
 * Months that are alike as one: where they begin, then pairs of share and length. Shares are thousandths, so cut that
 * 1,000 is all and 0 nothing, whatever they are rounded to; -1 where nothing is expected.
 */
function runsOfMonths(cell: Cell, firstMonth: number): number[] {
  const [first] = cell.months;
  if (first === undefined) return [];
  const runs: number[] = [monthOf(first.monthUs) - firstMonth];
  for (const month of cell.months) {
    const share = month.expected === 0 ? -1 : thousandths(shareCovered(month));
    if (runs.at(-2) === share) runs[runs.length - 1]! += 1;
    else runs.push(share, 1);
  }
  return runs;
}

function thousandths(share: number): number {
  return share > 0 && share < 0.001 ? 1 : Math.floor(share * 1000);
}
