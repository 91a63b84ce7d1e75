/** What `status` shows, for a person. */

import { bytes, clock, count, counted, duration, interval } from '../base/quantities.ts';
import type { StatusSummary } from '../state/runs/status.ts';
import type { DerivedSum } from '../state/series/derivations.ts';
import { faultLines, fileText } from './fault_text.ts';
import { hostsText } from './load_text.ts';
import { PLAIN, type Style } from './style.ts';
import { tableLines } from './table.ts';
import { sanitise } from './text.ts';

/** What the tables say, and what the last run noted of itself. */
export interface Status extends StatusSummary {
  /** Rows the last run loaded; null while it runs or if it was lost. */
  readonly lastRunRows: number | null;
  /** How the last run's rate compares with the loads before; null without any. */
  readonly lastRunCompared: string | null;
  /** Partitions without a key yet. */
  readonly barePartitions: number;
  /** Which intervals are made of shorter bars. */
  readonly derived: readonly DerivedSum[];
}

const FAILURES_SHOWN = 10;
const RUNNING_SHOWN = 10;

/** The page. `width` is the terminal's; `now` a time to count ages from. */
export function statusLines(status: Status, width: number, now: Date, style: Style = PLAIN): string[] {
  const tasks = Object.values(status.states).reduce((sum, state) => sum + state.tasks, 0);
  if (tasks === 0) return ['No file is known yet.'];
  return [
    ...stateLines(status, width, style),
    '',
    ...factLines(status, now).map(([name, text]) => `${name.padEnd(11)}${text}`),
    ...runningLines(status, now, style),
    ...failureLines(status, style),
    ...nextLines(status),
  ];
}

function stateLines(status: Status, width: number, style: Style): string[] {
  const rows = Object.entries(status.states)
    .filter(([, totals]) => totals.tasks > 0)
    .map(([state, totals]) => [
      state,
      count(totals.tasks),
      bytes(totals.bytes),
      count(totals.rowsLoaded),
      count(totals.rowsRejected),
      count(totals.rowsDuplicate),
      count(totals.rowsEmpty),
      count(totals.rowsConflict),
    ]);
  const titles = ['files', 'size', 'rows', 'rejects', 'duplicates', 'empty', 'conflicts'];
  const columns = [{ title: 'state' }, ...titles.map((title) => ({ title, align: 'right' as const }))];
  return tableLines(columns, rows, width, style);
}

function factLines(status: Status, now: Date): [string, string][] {
  const lines: [string, string][] = [];
  const { rates, lastRun, barePartitions: bare, rejects } = status;
  if (rates.tasksPerMinute > 0) {
    const files = counted(Math.round(rates.tasksPerMinute), 'file');
    lines.push([
      'rate',
      `${count(rates.rowsPerS)} rows/s, ${bytes(rates.bytesPerS)}/s, ${files} over the last minute`,
    ]);
  }
  if (lastRun !== null) lines.push(['last run', lastRunText(lastRun, status.lastRunRows, now)]);
  if (lastRun !== null && lastRun.hosts.length > 0) lines.push(['hosts', hostsText(lastRun.hosts)]);
  if (status.lastRunCompared !== null) lines.push(['', status.lastRunCompared]);
  const reasons = rejects.map((reject) => `${count(reject.count)} ${sanitise(reject.reason)}`);
  if (reasons.length > 0) lines.push(['rejects', reasons.join(', ')]);
  for (const [i, { intervalS, fromIntervalS, series, stretches }] of status.derived.entries())
    lines.push([
      i === 0 ? 'derived' : '',
      `${interval(intervalS)} of ${interval(fromIntervalS)}: ${counted(series, 'series', 'series')}, ${counted(stretches, 'stretch', 'stretches')}`,
    ]);
  if (bare > 0) lines.push(['partitions', `${count(bare)} without a key yet: a load that ends gives it`]);
  return lines;
}

function lastRunText(run: NonNullable<Status['lastRun']>, rows: number | null, now: Date): string {
  const seconds = ((run.finishedAt ?? now).getTime() - run.startedAt.getTime()) / 1000;
  const started = `${run.startedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const rate =
    rows === null || rows === 0 || seconds <= 0
      ? ''
      : `, ${count(rows)} rows, ${count(rows / seconds)} rows/s`;
  return `${sanitise(run.command)} ${run.runId}, started ${started}, ${run.state}, ${duration(seconds)}${rate}`;
}

function runningLines(status: Status, now: Date, style: Style): string[] {
  const lines = status.running.slice(0, RUNNING_SHOWN).map((task) => {
    const age = (now.getTime() - task.claimedAt.getTime()) / 1000;
    return `${style.cyan('running')} ${fileText(task.uri, task.entry)} ${style.dim(clock(age))}`;
  });
  const more = status.states.running.tasks - lines.length;
  return more > 0 ? [...lines, `… and ${count(more)} more`] : lines;
}

function failureLines(status: Status, style: Style): string[] {
  const lines = status.failures.slice(0, FAILURES_SHOWN).flatMap((task) => {
    const { uri: _uri, entry: _entry, ...where } = task.fault.where ?? {};
    const why = faultLines({ ...task.fault, where }, style);
    const head = `${style.red('failed')} ${fileText(task.uri, task.entry)} ${style.dim(`(task ${task.taskId})`)}`;
    return [head, ...why.map((line) => `  ${line}`)];
  });
  const more = status.states.failed.tasks - Math.min(FAILURES_SHOWN, status.failures.length);
  return more > 0 ? [...lines, `… and ${count(more)} more`] : lines;
}

function nextLines(status: Status): string[] {
  const lines: string[] = [];
  if (status.states.failed.tasks > 0)
    lines.push('Try failed files again:  npx backhaul retry, then the same load');
  const waiting = status.states.pending.tasks + status.states.running.tasks;
  if (waiting > 0 && status.lastRun?.state !== 'running') {
    lines.push(`${counted(waiting, 'file')} to do: the same load carries on`);
  }
  return lines.length === 0 ? [] : ['', ...lines];
}
