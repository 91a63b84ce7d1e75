/** Completeness by series and month, as a picture. Pure. */

import { count, interval, percent } from '../base/quantities.ts';
import { type Cell, type MonthShare, type Report, shareCovered } from './completeness.ts';
import { escaped, SHADES, shadeOf } from './page_style.ts';

const ROW = 18;
const TOP = 34;
/** Wider than the letters of most fonts at this size: a name may not be cut. */
const LETTER = 8;
/** A year needs so much room beside the next. */
const YEAR = 32;
const GAP = 1.5;

/** Months share the page's width; many of them scroll rather than become too thin to point at. */
function cellWidth(months: number): number {
  return Math.max(5, Math.min(26, Math.floor(900 / months)));
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** An SVG with its legend; at most `most` series. */
export function heatMap(report: Report, most: number): string {
  const cells = report.rows
    .flatMap((row) => [...row.cells.values()].sort((a, b) => a.series.intervalS - b.series.intervalS))
    .filter((cell) => cell.fromUs !== null);
  if (cells.length === 0) return '<p class="lead">Nothing is loaded yet.</p>';
  const shown = cells.slice(0, most);
  const months = axis(shown);
  const venues = new Set(shown.map((cell) => cell.series.venue)).size;
  const names = shown.map(({ series: { venue, symbol, intervalS } }) =>
    [...(venues > 1 ? [venue] : []), symbol, interval(intervalS)].join(' '),
  );
  const left = LETTER * Math.max(...names.map((name) => name.length)) + 12;
  const wide = cellWidth(months.length);
  const right = 70;
  const width = left + months.length * wide + right;
  const height = TOP + shown.length * ROW + 6;
  const column = new Map(months.map((monthUs, i) => [monthUs, left + i * wide]));
  const body = [
    ...axisMarks(months, left, wide, height),
    ...shown.map((cell, i) =>
      rowMarks(cell, names[i]!, TOP + i * ROW, left, wide, column, left + months.length * wide),
    ),
  ];
  const more =
    cells.length > shown.length
      ? `<p class="lead">… and ${count(cells.length - shown.length)} more series: the table below, --csv and --json have them.</p>`
      : '';
  return `${legend()}<div class="wide"><svg role="img" aria-label="Completeness of each series by month" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${body.join('')}</svg></div>${more}`;
}

/** All months from the first to the last of any series. */
function axis(cells: readonly Cell[]): number[] {
  const first = new Date(Math.min(...cells.map((cell) => cell.fromUs!)) / 1000);
  const last = Math.max(...cells.map((cell) => cell.toUs! - 1));
  const months: number[] = [];
  for (let n = 0; ; n++) {
    const monthUs = Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + n, 1) * 1000;
    if (monthUs > last) return months;
    months.push(monthUs);
  }
}

function axisMarks(months: readonly number[], left: number, wide: number, height: number): string[] {
  return months.flatMap((monthUs, i) => {
    const date = new Date(monthUs / 1000);
    const x = left + i * wide;
    const marks: string[] = [];
    const untilNext = (12 - date.getUTCMonth()) * wide;
    const isJanuary = date.getUTCMonth() === 0;
    if (isJanuary || (i === 0 && untilNext >= YEAR)) {
      marks.push(`<text x="${x}" y="14">${date.getUTCFullYear()}</text>`);
    }
    if (isJanuary && i > 0) {
      marks.push(`<line class="year" x1="${x - GAP / 2}" x2="${x - GAP / 2}" y1="4" y2="${height}"/>`);
    }
    if (wide >= 26) marks.push(`<text class="quiet" x="${x}" y="28">${MONTHS[date.getUTCMonth()]}</text>`);
    return marks;
  });
}

function rowMarks(
  cell: Cell,
  name: string,
  y: number,
  left: number,
  wide: number,
  column: ReadonlyMap<number, number>,
  end: number,
): string {
  const boxes = cell.months.map((month) => monthBox(month, name, column.get(month.monthUs)!, y, wide));
  const share = percent(shareCovered(cell));
  return `<text x="${left - 8}" y="${y + 12}" text-anchor="end">${escaped(name)}</text>${boxes.join('')}<text class="quiet" x="${end + 8}" y="${y + 12}">${share}</text>`;
}

function monthBox(month: MonthShare, name: string, x: number, y: number, wide: number): string {
  const date = new Date(month.monthUs / 1000);
  const box = `x="${x}" y="${y}" width="${wide - GAP}" height="${ROW - GAP * 2}" rx="2"`;
  const when = `${escaped(name)}, ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  if (month.expected === 0) return `<rect class="out" ${box}><title>${when}: nothing expected</title></rect>`;
  const share = shareCovered(month);
  const numbers = `${percent(share)} of ${count(month.expected)} expected bars covered, ${count(month.bars)} there`;
  return `<rect class="s${shadeOf(share)}" ${box}><title>${when}: ${numbers}</title></rect>`;
}

function legend(): string {
  const items = SHADES.map(
    (shade, i) => `<li><i data-shade="${SHADES.length - 1 - i}"></i>${escaped(shade.name)}</li>`,
  );
  return `<ul class="legend">${items.join('')}<li><i class="out"></i>nothing expected</li></ul>`;
}
