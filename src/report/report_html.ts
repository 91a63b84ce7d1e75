/** The report as one page that needs nothing else: styles, pictures, data and the one script that shows them are inside. */

import { count, counted, instant, interval, percent } from '../base/quantities.ts';
import { publishedFiles, publishedName } from '../gaps/published_files.ts';
import type { SuspiciousRun } from '../gaps/suspicious.ts';
import { type Cell, type Report, type ReportedGap, rangeLine, shareCovered } from './completeness.ts';
import { heatMap } from './heat_map.ts';
import { nextCommands } from './next_commands.ts';
import { escaped, PAGE_STYLE, shadeOf } from './page_style.ts';
import { seriesTable } from './series_table.ts';

/** Series shown line by line without a script. Where there are more, only who runs none sees some, the worst. */
const LINES_SHOWN = 120;
const LINES_WITHOUT_SCRIPT = 40;
const ROWS_SHOWN = 120;
/** Gaps shown: a page for the eye; CSV and JSON have all. */
const GAPS_SHOWN = 60;

/** The page as text. */
export function reportHtml(report: Report): string {
  const { nowUs } = report.options;
  const table = seriesTable(report);
  const title = `Completeness, ${instant(nowUs).slice(0, 16)} UTC`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src ${table.scriptSource}; base-uri 'none'; form-action 'none'">
<title>Backhaul: ${title}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<main>
<header>
<h1>How complete is the data?</h1>
<p class="when">${escaped(rangeText(report))} · ${escaped(rangeLine(report))} · as of ${instant(nowUs).slice(0, 16)} UTC</p>
</header>
${tiles(report)}
${section('What to do next', '', commands(report))}
${report.rows.length === 0 ? '' : table.html}
${overview(report)}
${report.gaps.length === 0 ? '' : section('Largest gaps', '', gapTable(report.gaps, nowUs))}
${report.suspicious.length === 0 ? '' : section('Suspicious stretches', 'Files vouch for them, so they are no gaps; but the series is never so long without a bar. An exchange that was down looks so, and a file that was cut off.', suspiciousTable(report.suspicious))}
</main>
</body>
</html>
`;
}

/** All at a glance; of very many series those who run scripts have the table above. */
function overview(report: Report): string {
  const series = report.rows.reduce((sum, row) => sum + row.cells.size, 0);
  const both = [
    section(
      'Month by month',
      'One line a series, worst first within its tier. Point at a month for its numbers.',
      heatMap(report, series > LINES_SHOWN ? LINES_WITHOUT_SCRIPT : LINES_SHOWN),
    ),
    section(
      'Symbol × interval',
      'The share of expected bars that loaded files vouch for; below it the gaps: those within the reach of an API, and those beyond it, which files fill (Kraken’s slowly by gaps fill --api kraken-trades, too).',
      matrix(report),
    ),
  ].join('\n');
  return series > LINES_SHOWN ? `<noscript>${both}</noscript>` : both;
}

function section(title: string, lead: string, body: string): string {
  const words = lead === '' ? '' : `<p class="lead">${lead}</p>`;
  return `<section><h2>${title}</h2>${words}${body}</section>`;
}

function rangeText({ options, rows }: Report): string {
  const cells = rows.flatMap((row) => [...row.cells.values()]).filter((cell) => cell.fromUs !== null);
  if (cells.length === 0) return 'nothing loaded';
  const from =
    options.fromUs ?? cells.reduce((least, cell) => Math.min(least, cell.fromUs!), Number.POSITIVE_INFINITY);
  const to = cells.reduce((most, cell) => Math.max(most, cell.toUs!), Number.NEGATIVE_INFINITY);
  return `${instant(from).slice(0, 10)} to ${instant(to).slice(0, 10)}`;
}

function tiles(report: Report): string {
  const series = report.rows.reduce((sum, row) => sum + row.cells.size, 0);
  const whole = report.rows.reduce(
    (sum, row) => sum + [...row.cells.values()].filter((cell) => cell.expected === cell.vouched).length,
    0,
  );
  const api = report.gaps.filter((gap) => gap.overflow !== null && gap.overflow <= 0).length;
  const share = shareCovered(report);
  const facts: [string, string, string][] = [
    [percent(share), 'covered', `${count(report.vouched)} of ${counted(report.expected, 'expected bar')}`],
    [count(report.expected - report.vouched), 'bars missing', `${count(report.bars)} are there`],
    [`${count(whole)} of ${count(series)}`, 'series complete', counted(report.rows.length, 'symbol')],
    [
      count(report.gaps.length),
      'gaps',
      `${count(api)} by API, ${count(report.gaps.length - api)} beyond it, from files`,
    ],
  ];
  const boxes = facts.map(
    ([number, name, more], i) =>
      `<div class="tile"${i === 0 ? ` data-shade="${shadeOf(share)}"` : ''}><b>${number}</b><span>${name}</span><small>${more}</small></div>`,
  );
  return `<div class="tiles">${boxes.join('')}</div>`;
}

function matrix(report: Report): string {
  const hasTiers = report.rows.some((row) => row.tier !== null);
  const head = [
    ...(hasTiers ? ['tier'] : []),
    'symbol',
    ...report.intervals.map((seconds) => interval(seconds)),
  ];
  const rows = report.rows.slice(0, ROWS_SHOWN).map((row) => {
    const names = [
      ...(hasTiers ? [`<td class="tier">${escaped(row.tier ?? '')}</td>`] : []),
      `<th scope="row">${escaped(row.symbol)} <small>${escaped(row.venue)}</small></th>`,
    ];
    return `<tr>${names.join('')}${report.intervals.map((seconds) => matrixCell(row.cells.get(seconds))).join('')}</tr>`;
  });
  const absent = report.absent.map(
    (one) =>
      `<tr><td class="tier">${escaped(one.tier)}</td><th scope="row">${escaped(one.symbol)}</th><td colspan="${Math.max(1, report.intervals.length)}" data-shade="0">nothing is loaded</td></tr>`,
  );
  const more =
    report.rows.length > ROWS_SHOWN
      ? `<p class="lead">… and ${count(report.rows.length - ROWS_SHOWN)} symbols more complete than these.</p>`
      : '';
  return `<div class="wide"><table class="matrix"><thead><tr>${head.map((text) => `<th scope="col"${text === 'symbol' || text === 'tier' ? ' class="name"' : ''}>${escaped(text)}</th>`).join('')}</tr></thead><tbody>${rows.join('')}${hasTiers ? absent.join('') : ''}</tbody></table></div>${more}`;
}

function matrixCell(cell: Cell | undefined): string {
  if (cell === undefined) return '<td class="none"></td>';
  if (cell.expected === 0) return '<td class="none">–</td>';
  const share = shareCovered(cell);
  const gaps = [
    ...(cell.fillable.length > 0 ? [`${count(cell.fillable.length)} by api`] : []),
    ...(cell.unfillable.length > 0 ? [`${count(cell.unfillable.length)} by file`] : []),
  ];
  if (cell.suspicious.length > 0) gaps.push(`${count(cell.suspicious.length)} suspicious`);
  if (cell.derived.length > 0) gaps.push('derived');
  const text = gaps.length === 0 ? '✓' : `${percent(share)}<small>${gaps.join(' · ')}</small>`;
  const title = `${count(cell.vouched)} of ${count(cell.expected)} expected bars covered, ${count(cell.bars)} there`;
  return `<td data-shade="${shadeOf(share)}" title="${title}">${text}</td>`;
}

function gapTable(gaps: readonly ReportedGap[], nowUs: number): string {
  const rows = gaps.slice(0, GAPS_SHOWN).map((gap) => {
    const { series } = gap;
    const kind = gap.overflow !== null && gap.overflow <= 0 ? 'api' : 'file';
    return `<tr><th scope="row">${escaped(series.symbol)} <small>${escaped(series.venue)}</small></th><td>${interval(series.intervalS)}</td><td>${instant(gap.fromUs)}</td><td>${instant(gap.toUs)}</td><td class="number">${count(gap.candles)}</td><td><span class="kind ${kind}">${kind}</span></td><td class="file">${escaped(fileText(gap, nowUs))}</td></tr>`;
  });
  const more =
    gaps.length > GAPS_SHOWN
      ? `<p class="lead">… and ${count(gaps.length - GAPS_SHOWN)} smaller ones.</p>`
      : '';
  const head = ['series', 'interval', 'from', 'to', 'bars missing', 'fill by', 'file'];
  return `<div class="wide"><table class="gaps"><thead><tr>${head.map((text) => `<th scope="col">${text}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>${more}`;
}

function suspiciousTable(runs: readonly SuspiciousRun[]): string {
  const rows = runs
    .slice(0, GAPS_SHOWN)
    .map(
      ({ series, fromUs, toUs, candles, habit }) =>
        `<tr><th scope="row">${escaped(series.symbol)} <small>${escaped(series.venue)}</small></th><td>${interval(series.intervalS)}</td><td>${instant(fromUs)}</td><td>${instant(toUs)}</td><td class="number">${count(candles)}</td><td class="number">${count(habit)}</td></tr>`,
    );
  const more =
    runs.length > GAPS_SHOWN ? `<p class="lead">… and ${count(runs.length - GAPS_SHOWN)} more.</p>` : '';
  const head = ['series', 'interval', 'from', 'to', 'bars missing', 'usual at most'];
  return `<div class="wide"><table class="gaps"><thead><tr>${head.map((text) => `<th scope="col">${text}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>${more}`;
}

function fileText(gap: ReportedGap, nowUs: number): string {
  let first: string | null = null;
  let more = 0;
  for (const file of publishedFiles(gap.series, gap, nowUs, gap.former)) {
    if (first === null) first = publishedName(file);
    else more++;
  }
  if (first === null) return gap.lastFile === null ? '' : `a newer ${gap.lastFile}`;
  return more === 0 ? first : `${first} and ${count(more)} more`;
}

function commands(report: Report): string {
  const items = nextCommands(report).map(
    ({ command, why }) => `<li><code>${escaped(command)}</code><span>${escaped(why)}</span></li>`,
  );
  return `<ul class="next">${items.join('')}</ul>`;
}
