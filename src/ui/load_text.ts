/** What a load says: events as lines, the plan as a table, the summary as a page. */

import { bytes, count, counted, duration, instant, interval, short } from '../base/quantities.ts';
import type { LoadEvent, LoadSummary, PlanEvent, TaskEvent } from '../load/load_events.ts';
import type { RejectSummary } from '../workers/link/task_result.ts';
import { compressionLine } from './compress_text.ts';
import { faultLine, faultLines, fileText, placeText } from './fault_text.ts';
import { PLAIN, type Style } from './style.ts';
import { tableLines } from './table.ts';
import { cutEnd, sanitise } from './text.ts';

/** Failures a summary lists; `status` has the rest. */
const FAILURES_SHOWN = 10;

/** An event as a line for stderr, or null where it says nothing there. `verbose` lets every event speak. */
export function eventText(event: LoadEvent, verbose: boolean, style: Style = PLAIN): string | null {
  switch (event.type) {
    case 'discovered': {
      const found = `${counted(event.objects, 'object')}, ${counted(event.entries, 'entry', 'entries')}`;
      const done = event.unchanged > 0 ? `, ${count(event.unchanged)} loaded before` : '';
      const size = event.bytes > 0 ? ` (${bytes(event.bytes)})` : '';
      return `${sanitise(event.source)}: ${found}; ${count(event.tasks)} to load${size}${done}`;
    }
    case 'note':
      if (event.level === 'warning') return `${style.yellow('warning:')} ${sanitise(event.message)}`;
      return sanitise(event.message);
    case 'task':
      return taskText(event, verbose, style);
    case 'partition':
      if (!verbose) return null;
      return style.dim(
        `partition ${event.name} is ${event.state}: ${count(event.rows)} rows, ${duration(event.seconds)}`,
      );
    case 'compress':
      return compressionLine(event);
    case 'decision':
      if (!verbose) return null;
      return style.dim(`workers ${event.previous} → ${event.workers}: ${sanitise(event.reason)}`);
    default:
      return null;
  }
}

function taskText(event: TaskEvent, verbose: boolean, style: Style): string | null {
  const file = fileText(event.uri, event.entry);
  const why = event.fault === null ? '' : `: ${faultLine(event.fault)}`;
  if (event.outcome === 'failed') return `${style.red('failed')} ${file}${why}`;
  if (event.outcome === 'retry')
    return `${style.yellow('again')} ${file} after attempt ${event.attempt}${why}`;
  if (!verbose) return null;
  return style.dim(
    `${event.outcome} ${file}: ${count(event.rows.loaded)} rows, ${duration(event.seconds)}${why}`,
  );
}

/** Files of a plan that a table shows; beyond, nobody reads it. */
const PLANNED_SHOWN = 1_000;

/** What a dry run has planned: the first files, and what all come to. */
export class PlannedFiles {
  readonly shown: PlanEvent[] = [];
  count = 0;
  bytes = 0;

  add(task: PlanEvent): void {
    if (this.count++ < PLANNED_SHOWN) this.shown.push(task);
    this.bytes += task.sizeBytes;
  }
}

/** Files that would fail, and those that nobody asked for. */
type WouldFail = Pick<LoadSummary, 'failures'> &
  Partial<Pick<LoadSummary, 'filtered'>> & { readonly tasks: Pick<LoadSummary['tasks'], 'failed'> };

/** The plan of a dry run as a table, what it comes to, and what would fail. `width` is the terminal's. */
export function planLines(
  plan: PlannedFiles,
  fails: WouldFail,
  width: number,
  style: Style = PLAIN,
): string[] {
  const { failed } = fails.tasks;
  const failing =
    failed === 0 ? [] : [`${counted(failed, 'file')} would fail:`, ...failureLines(fails, style)];
  if (plan.count === 0 && failed > 0) return failing;
  if (plan.count === 0)
    return [fails.filtered ? `No file to load: ${noneAskedFor(fails.filtered)}.` : 'No file to load.'];
  const rows = plan.shown.map((task) => [
    fileText(task.uri, task.entry),
    sanitise(task.layout),
    sanitise(`${task.venue} ${task.symbol ?? '*'} ${interval(task.intervalS)}`),
    bytes(task.sizeBytes),
    task.state,
  ]);
  return [
    ...tableLines(
      [
        { title: 'file', cut: 'start' },
        { title: 'layout' },
        { title: 'series', cut: 'start' },
        { title: 'size', align: 'right' },
        { title: 'state' },
      ],
      rows,
      width,
      style,
    ),
    ...(plan.count > plan.shown.length
      ? [`… and ${count(plan.count - plan.shown.length)} more: --json lists them all`]
      : []),
    '',
    `${counted(plan.count, 'file')}, ${bytes(plan.bytes)}. Nothing was written.`,
    ...failing,
  ];
}

/** A load at its end, for a person. `incremental`: only what is newer than the bars that stand was asked for. */
export function summaryLines(summary: LoadSummary, style: Style = PLAIN, incremental = false): string[] {
  if (incremental && isNothingNew(summary)) return [nothingNew(summary), ...notReadLines(summary)];
  if (summary.nothingToDo && summary.tasks.failed === 0)
    return [nothingToDo(summary), ...notReadLines(summary), ...whatWouldDo(summary)];
  const nothing = nothingToLoad(summary);
  if (nothing !== null)
    return [
      style.yellow(`Nothing to load: ${nothing} (${summary.sources.map(sanitise).join(', ')})`),
      ...notReadLines(summary),
    ];
  return [
    headline(summary, style),
    ...facts(summary).map(([name, text]) => `  ${name.padEnd(10)} ${text}`),
    ...byRecordsLines(summary),
    ...notReadLines(summary),
    ...rejectLines(summary, style),
    ...failureLines(summary, style),
    ...nextLines(summary),
  ];
}

/** `1m by the records of 3 files whose names do not tell`, a line each; none where names told all. */
export function byRecordsLines({ byRecords }: Pick<LoadSummary, 'byRecords'>): string[] {
  return byRecords.map(({ what, is, said, files }) => {
    const whose = counted(files, 'file');
    if (said === null) return `  ${what} ${sanitise(is)} by the records of ${whose} whose names do not tell`;
    const word = `"${sanitise(said)}"`;
    if (what === 'date')
      return `  ${whose} dated by their records, which are not of ${word} as a folder says`;
    return `  ${what} ${sanitise(is)} by the records of ${whose}, though a folder says ${word}`;
  });
}

/** `3 files not read: 2 .zst, 1 .parquet`, most first; no line where everything was. */
export function notReadLines({ notRead }: Pick<LoadSummary, 'notRead'>): string[] {
  if (notRead.files === 0) return [];
  const kinds = Object.entries(notRead.kinds)
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .map(([kind, files]) => `${count(files)} ${sanitise(kind)}`);
  return [`  ${counted(notRead.files, 'file')} not read: ${kinds.join(', ')}`];
}

/** What would make something to do where nothing is. */
function whatWouldDo({ tasks }: LoadSummary): string[] {
  const set =
    tasks.skipped > 0 && tasks.unchanged > 0
      ? [`${counted(tasks.skipped, 'file')} unloaded before: left alone.`]
      : [];
  return [
    ...set,
    'Due again: what has changed, a wider --from, --to, --symbols or --on-invalid keep, another --layout, --venue or --interval, --prices numeric, --on-conflict replace where bars differed (for indicators that were left out: npx backhaul recompute); --reload loads all again.',
  ];
}

function nothingToDo(summary: LoadSummary): string {
  const { unchanged, skipped } = summary.tasks;
  if (unchanged === 0 && skipped > 0)
    return `Nothing to do: ${counted(skipped, 'file')} unloaded before (${summary.sources.map(sanitise).join(', ')})`;
  const files = unchanged === 1 ? 'the file is' : `all ${count(unchanged)} files are`;
  return `Nothing to do: ${files} loaded already (${summary.sources.map(sanitise).join(', ')})`;
}

function isNothingNew({ interrupted, tasks, rows }: LoadSummary): boolean {
  return (
    !interrupted && tasks.failed === 0 && rows.loaded === 0 && rows.rejected === 0 && rows.conflict === 0
  );
}

/** `Nothing is newer than the bars that stand: 4 files end there and were left out, 1 loaded before (./data)`. */
function nothingNew({ leftOut, tasks, sources }: LoadSummary): string {
  const files = [
    ...(leftOut > 0
      ? [
          `${counted(leftOut, 'file')} ${leftOut === 1 ? 'ends there and was' : 'end there and were'} left out`,
        ]
      : []),
    ...(tasks.unchanged > 0 ? [`${count(tasks.unchanged)} loaded before`] : []),
    ...(tasks.loaded > 0 ? [`${count(tasks.loaded)} looked into without a newer bar`] : []),
  ];
  const what = files.length === 0 ? 'there is no file' : files.join(', ');
  return `Nothing is newer than the bars that stand: ${what} (${sources.map(sanitise).join(', ')})`;
}

/** Why there was no file to load, where none was found that is; null where there was one. */
function nothingToLoad({ interrupted, tasks, filtered, leftOut, notRead }: LoadSummary): string | null {
  const { loaded, unchanged, skipped, failed, released } = tasks;
  if (interrupted || leftOut + loaded + unchanged + skipped + failed + released > 0) return null;
  if (filtered > 0) return noneAskedFor(filtered);
  return notRead.files > 0 ? 'there is no file of bars' : 'there is no file';
}

function noneAskedFor(filtered: number): string {
  const found = filtered === 1 ? 'the file is' : `all ${count(filtered)} files are`;
  return `${found} of other symbols, intervals or times than those asked for`;
}

function headline(summary: LoadSummary, style: Style): string {
  const rate = `${count(summary.rowsPerSecond)} rows/s, ${bytes(summary.inflatedBytesPerSecond)}/s`;
  const text = `Loaded ${count(summary.rows.loaded)} rows in ${duration(summary.seconds)} (${rate})`;
  if (summary.interrupted) return `${style.yellow(`Interrupted. ${text}`)}`;
  const clean = summary.tasks.failed === 0 && summary.rows.rejected === 0;
  return clean ? style.green(text) : style.bold(text);
}

function facts(summary: LoadSummary): [string, string][] {
  const { tasks, rows } = summary;
  const files = [
    `${count(tasks.loaded)} loaded`,
    ...(tasks.unchanged > 0 ? [`${count(tasks.unchanged)} loaded before`] : []),
    ...(tasks.skipped > 0 ? [`${count(tasks.skipped)} skipped`] : []),
    ...(summary.leftOut > 0 ? [`${count(summary.leftOut)} left out`] : []),
    ...(summary.filtered > 0 ? [`${count(summary.filtered)} not asked for`] : []),
    ...(tasks.failed > 0 ? [`${count(tasks.failed)} failed`] : []),
    ...(tasks.released > 0 ? [`${count(tasks.released)} given back`] : []),
  ];
  const range =
    summary.firstTs === null || summary.lastTs === null
      ? ''
      : `, ${instant(summary.firstTs)} to ${instant(summary.lastTs)} UTC`;
  const lines: [string, string][] = [
    ['files', `${files.join(', ')} (${bytes(summary.bytes)}, ${bytes(summary.inflatedBytes)} inflated)`],
    ['series', `${count(summary.series)}${range}`],
  ];
  if (summary.hosts.length > 0) lines.push(['hosts', hostsText(summary.hosts)]);
  if (rows.duplicate > 0)
    lines.push(['duplicates', `${counted(rows.duplicate, 'record')} that stood already`]);
  if (rows.empty > 0) lines.push(['empty', `${counted(rows.empty, 'record')} without a price: no bar`]);
  if (rows.conflict > 0)
    lines.push(['conflicts', `${counted(rows.conflict, 'bar')} stood with other values`]);
  if (rows.rejected > 0) lines.push(['rejects', counted(rows.rejected, 'record')]);
  return lines;
}

/** `3: a 12 files, b 9 files, b 2 files (lost)`: what each brought of the whole. */
export function hostsText(hosts: LoadSummary['hosts']): string {
  const each = hosts.map(({ host, state, files }) => {
    const how = state === 'finished' || state === 'running' ? '' : ` (${state})`;
    return `${sanitise(host)} ${counted(files, 'file')}${how}`;
  });
  return `${count(hosts.length)}: ${each.join(', ')}`;
}

function rejectLines(summary: LoadSummary, style: Style): string[] {
  return summary.rejects.flatMap((reject) => {
    const line = `    ${style.yellow(short(reject.count).padStart(5))} ${reject.reason}`;
    return reject.example === null ? [line] : [`${line}: ${exampleText(reject.example)}`];
  });
}

function exampleText(example: NonNullable<RejectSummary['example']>): string {
  const { uri, entry, line, field, record } = example;
  const place = placeText({ uri, line, field, ...(entry === null ? {} : { entry }) });
  return `${place}: ${cutEnd(sanitise(record), 80)}`;
}

function failureLines(summary: WouldFail, style: Style): string[] {
  const lines = summary.failures.slice(0, FAILURES_SHOWN).flatMap((failure) => {
    const [first, ...rest] = faultLines(withoutFile(failure), style);
    const file = fileText(failure.uri, failure.entry);
    return [`  ${style.red('failed')} ${file}`, `    ${first}`, ...rest.map((line) => `    ${line}`)];
  });
  const more = summary.tasks.failed - Math.min(FAILURES_SHOWN, summary.failures.length);
  return more > 0 ? [...lines, `  … and ${count(more)} more`] : lines;
}

/** The file stands in the line above: the fault need not name it again. */
function withoutFile(failure: LoadSummary['failures'][number]): LoadSummary['failures'][number]['fault'] {
  const { fault } = failure;
  if (fault.where === undefined) return fault;
  const { uri: _uri, entry: _entry, ...rest } = fault.where;
  return { ...fault, where: rest };
}

function nextLines(summary: LoadSummary): string[] {
  const lines: string[] = [];
  if (summary.rows.rejected > 0) {
    lines.push(
      'See the rejects:  npx backhaul query "SELECT * FROM backhaul.reject ORDER BY task_id DESC, line LIMIT 20"',
    );
  }
  if (summary.tasks.failed > 0) lines.push('Try failed files again:  npx backhaul retry, then the same load');
  if (summary.interrupted) lines.push('The same command carries on where this one stopped.');
  return lines;
}
