/** Past runs in words: a list, one of them, two beside each other; and one's throughput over time as a picture. */

import { bytes, count, counted, duration } from '../base/quantities.ts';
import type { PastRun, RunAudit } from '../state/runs/run_history.ts';
import { fileText } from './fault_text.ts';
import { PLAIN, type Style } from './style.ts';
import { tableLines } from './table.ts';
import { cutEnd, sanitise } from './text.ts';

const SLOWEST_SHOWN = 5;
const FAILURES_SHOWN = 10;
const DECISIONS_SHOWN = 12;

/** Below so many columns of the terminal, what `runs show` tells as well is left out. */
const WIDE = 92;

/** A line a run. `width` is the terminal's. */
export function runLines(runs: readonly PastRun[], width: number, style: Style = PLAIN): string[] {
  const isWide = width >= WIDE;
  const columns = [
    { title: 'run', align: 'right' as const },
    { title: 'command' },
    { title: 'started (UTC)' },
    { title: 'state' },
    ...['took', 'files', 'failed', 'rows', ...(isWide ? ['rejects', 'rows/s'] : [])].map((title) => ({
      title,
      align: 'right' as const,
    })),
  ];
  const rows = runs.map((run) => {
    const { audit } = run;
    const seconds = secondsOf(run);
    return [
      String(run.runId),
      sanitise(run.command),
      stampText(run.startedAt),
      run.state,
      seconds === null ? '' : duration(seconds),
      ...(audit === null
        ? []
        : [
            count(audit.tasks.loaded),
            audit.tasks.failed === 0 ? '' : count(audit.tasks.failed),
            count(audit.rows.loaded),
            ...(isWide ? [audit.rows.rejected === 0 ? '' : count(audit.rows.rejected), rateText(audit)] : []),
          ]),
    ];
  });
  return tableLines(columns, rows, width, style);
}

/** A page about one run. */
export function runPage(run: PastRun, width: number, style: Style = PLAIN): string[] {
  const { audit } = run;
  const seconds = secondsOf(run);
  const head = `${style.bold(`Run ${run.runId}`)}: ${sanitise(run.command)}, started ${stampText(run.startedAt)} UTC, ${run.state}${
    seconds === null ? '' : ` after ${duration(seconds)}`
  }`;
  const facts: [string, string][] = [];
  const sources = run.options['sources'];
  if (Array.isArray(sources))
    facts.push(['sources', sources.map((source) => sanitise(String(source))).join(' ')]);
  if (audit === null)
    return [
      head,
      ...factLines(facts),
      run.state === 'running' ? '' : 'It left no record of what it did.',
    ].filter(Boolean);
  facts.push(
    [
      'files',
      `${count(audit.tasks.loaded)} loaded, ${count(audit.tasks.failed)} failed (${bytes(audit.bytes)}, ${bytes(audit.inflatedBytes)} inflated)`,
    ],
    [
      'rows',
      `${count(audit.rows.loaded)} loaded, ${count(audit.rows.rejected)} rejected, ${count(audit.rows.duplicate)} duplicates; ${rateText(audit)} rows/s`,
    ],
    [
      'time',
      `${duration(audit.discoverSeconds)} discovery, ${duration(audit.finishSeconds)} keys, up to ${counted(audit.peakWorkers, 'worker')}`,
    ],
  );
  if (audit.waits !== undefined) {
    const { source, lane, copy } = audit.waits;
    facts.push([
      'waits',
      `${duration(source)} for bytes, ${duration(copy)} for PostgreSQL, ${duration(lane)} for an earlier file (all workers together)`,
    ]);
  }
  return [
    head,
    ...factLines(facts),
    ...throughputLines(audit, width, style),
    ...section(
      'Decisions of the pool',
      audit.decisions,
      DECISIONS_SHOWN,
      ({ atSeconds, workers, reason }) =>
        `${duration(atSeconds).padStart(8)}  ${String(workers).padStart(3)} workers: ${sanitise(reason)}`,
      style,
    ),
    ...section(
      'Slowest files',
      audit.slowest ?? [],
      SLOWEST_SHOWN,
      ({ uri, entry, seconds: took, rows }) =>
        `${duration(took).padStart(8)}  ${fileText(uri, entry)} (${counted(rows, 'row')})`,
      style,
    ),
    ...section(
      'Failed',
      audit.failures,
      FAILURES_SHOWN,
      ({ uri, entry, fault }) => `${fileText(uri, entry)}: ${sanitise(fault.message)}`,
      style,
      audit.tasks.failed,
    ),
  ];
}

/** Two runs beside each other, the second against the first. */
export function compareLines(a: PastRun, b: PastRun, width: number, style: Style = PLAIN): string[] {
  const numbers: readonly [string, (audit: RunAudit) => number, (value: number) => string][] = [
    ['seconds', (audit) => audit.seconds, duration],
    ['discovery', (audit) => audit.discoverSeconds, duration],
    ['keys', (audit) => audit.finishSeconds, duration],
    ['files', (audit) => audit.tasks.loaded, count],
    ['failed', (audit) => audit.tasks.failed, count],
    ['rows', (audit) => audit.rows.loaded, count],
    ['rejects', (audit) => audit.rows.rejected, count],
    ['duplicates', (audit) => audit.rows.duplicate, count],
    ['bytes', (audit) => audit.bytes, bytes],
    ['rows/s', rate, count],
    ['workers', (audit) => audit.peakWorkers, count],
    ['wait: bytes', (audit) => audit.waits?.source ?? 0, duration],
    ['wait: PostgreSQL', (audit) => audit.waits?.copy ?? 0, duration],
    ['wait: earlier file', (audit) => audit.waits?.lane ?? 0, duration],
  ];
  const right = (title: string) => ({ title, align: 'right' as const });
  const rows = numbers.map(([name, of, text]) => {
    const [first, second] = [a, b].map(({ audit }) => (audit === null ? null : of(audit)));
    return [
      name,
      first == null ? '' : text(first),
      second == null ? '' : text(second),
      first == null || second == null || first === 0 ? '' : changeText(second / first),
    ];
  });
  return tableLines(
    [{ title: '' }, right(`run ${a.runId}`), right(`run ${b.runId}`), right('change')],
    rows,
    width,
    style,
  );
}

/** `1.30 times the rate of the last 5 loads (median)`; null without one to compare with. */
export function comparedText(audit: RunAudit, before: readonly PastRun[]): string | null {
  const rates = before.flatMap((run) => (run.audit === null ? [] : [rate(run.audit)])).sort((x, y) => x - y);
  if (rates.length === 0 || audit.rows.loaded === 0) return null;
  const middle = rates[Math.floor(rates.length / 2)]!;
  if (middle === 0) return null;
  const of = rates.length === 1 ? 'the load before' : `the last ${rates.length} loads (median)`;
  return `${(rate(audit) / middle).toFixed(2)} times the rate of ${of}`;
}

function changeText(ratio: number): string {
  return `${ratio >= 1 ? '+' : '−'}${Math.abs((ratio - 1) * 100).toFixed(0)} %`;
}

function rate(audit: RunAudit): number {
  return audit.seconds > 0 ? audit.rows.loaded / audit.seconds : 0;
}

function rateText(audit: RunAudit): string {
  return count(Math.round(rate(audit)));
}

function secondsOf({ startedAt, finishedAt }: PastRun): number | null {
  return finishedAt === null ? null : (finishedAt.getTime() - startedAt.getTime()) / 1000;
}

function stampText(at: Date): string {
  return at.toISOString().slice(0, 16).replace('T', ' ');
}

function factLines(facts: readonly (readonly [string, string])[]): string[] {
  return facts.map(([name, text]) => `  ${name.padEnd(10)} ${text}`);
}

/** `total`: how many there were, where the record keeps the first of them alone. */
function section<T>(
  title: string,
  all: readonly T[],
  most: number,
  line: (one: T) => string,
  style: Style,
  total = all.length,
): string[] {
  if (all.length === 0) return [];
  const shown = all.slice(0, most);
  const more = total - shown.length;
  const where = total > all.length ? 'npx backhaul status' : '--json';
  return [
    '',
    style.bold(title),
    ...shown.map((one) => `  ${line(one)}`),
    ...(more > 0 ? [`  … and ${count(more)} more: ${where}`] : []),
  ];
}

/** Records a second between two samples. */
export function ratesOf(
  audit: RunAudit,
): { readonly atSeconds: number; readonly rate: number; readonly workers: number }[] {
  const samples = audit.samples ?? [];
  return samples.slice(1).flatMap((sample, index) => {
    const before = samples[index]!;
    const span = sample.atSeconds - before.atSeconds;
    if (span <= 0) return [];
    return [
      {
        atSeconds: sample.atSeconds,
        rate: Math.max(0, (sample.rowsRead - before.rowsRead) / span),
        workers: before.workers,
      },
    ];
  });
}

const BARS = '▁▂▃▄▅▆▇█';

/** Throughput over time in one line of bars. */
function throughputLines(audit: RunAudit, width: number, style: Style): string[] {
  const rates = ratesOf(audit);
  if (rates.length < 2) return [];
  const room = Math.max(10, Math.min(rates.length, Number.isFinite(width) ? width - 4 : 72));
  const shown = Array.from({ length: room }, (_, column) => {
    const from = Math.floor((column * rates.length) / room);
    const to = Math.max(from + 1, Math.floor(((column + 1) * rates.length) / room));
    const part = rates.slice(from, to);
    return part.reduce((sum, one) => sum + one.rate, 0) / part.length;
  });
  const most = Math.max(...shown);
  if (most === 0) return [];
  const bars = shown.map((one) => BARS[Math.min(7, Math.floor((one / most) * 8))]).join('');
  return [
    '',
    `${style.bold('Records a second')}, up to ${count(Math.round(most))}, over ${duration(audit.seconds)}`,
    `  ${style.cyan(cutEnd(bars, room))}`,
  ];
}
