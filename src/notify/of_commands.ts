/** What the commands have to tell: how a load, a scan and a validation become notices. Pure. */

import { Foremost } from '../base/foremost.ts';
import { count, counted, duration, instant, interval } from '../base/quantities.ts';
import type { Fault } from '../faults/fault.ts';
import type { LoadSummary } from '../load/load_events.ts';
import { failureLevel, GAP_CRITICAL_US, GAP_WARNING_US, type Notice } from './notice.ts';

const MOST_LINES = 10;

type Said = Omit<Notice, 'type' | 'at'>;

/** `lines`: how many there are of which `said` has the first. */
function notice(said: Said, lines = said.lines.length): Notice {
  return { type: 'notice', at: new Date().toISOString(), ...said, lines: shortened(said.lines, lines) };
}

function shortened(lines: readonly string[], all: number): string[] {
  if (all <= MOST_LINES) return [...lines];
  return [...lines.slice(0, MOST_LINES - 1), `… and ${count(all - MOST_LINES + 1)} more`];
}

/** How a load ended. `failuresInARow`: runs before this one that failed as well, this one included. */
export function noticeOfLoad(summary: LoadSummary, command: string, failuresInARow: number): Notice {
  const { tasks, rows, seconds, runId } = summary;
  const facts = [
    `${counted(rows.loaded, 'row')} in ${counted(tasks.loaded, 'file')}, ${duration(seconds)}`,
    ...(rows.rejected > 0 ? [counted(rows.rejected, 'reject')] : []),
    ...(rows.conflict > 0 ? [`${counted(rows.conflict, 'bar')} stood with other values`] : []),
  ];
  if (tasks.failed === 0) {
    return notice({
      event: 'finish',
      level: rows.rejected > 0 ? 'warning' : 'info',
      title: `${command} finished: ${counted(rows.loaded, 'row')}`,
      lines: facts,
      command,
      runId,
    });
  }
  const again = failuresInARow > 1 ? `, ${count(failuresInARow)} runs in a row` : '';
  return notice({
    event: 'failure',
    level: failureLevel(failuresInARow),
    title: `${command}: ${counted(tasks.failed, 'file')} failed${again}`,
    lines: [
      ...summary.failures.map(({ uri, entry, fault }) => `${fileName(uri, entry)}: ${fault.message}`),
      ...facts,
    ],
    command,
    runId,
  });
}

/** A command that ended in a fault. */
export function noticeOfFault(fault: Fault, command: string, failuresInARow: number): Notice {
  const again = failuresInARow > 1 ? `, ${count(failuresInARow)} runs in a row` : '';
  return notice({
    event: 'failure',
    level: failureLevel(failuresInARow),
    title: `${command} failed${again}: ${fault.message}`,
    lines: fault.hint === undefined ? [] : [fault.hint],
    command,
    runId: null,
  });
}

/** A gap as a notice needs it. µs since 1970. */
export interface GapSeen {
  readonly venue: string;
  readonly symbol: string;
  readonly intervalS: number;
  readonly fromUs: number;
  readonly toUs: number;
}

/** Gaps longer than a day among those that pass by; the longest are kept. */
export class LongGaps {
  readonly #longest = new Foremost<GapSeen>(MOST_LINES, ({ fromUs, toUs }) => toUs - fromUs);
  #count = 0;
  #weeks = 0;

  take(gap: GapSeen): void {
    const lengthUs = gap.toUs - gap.fromUs;
    if (lengthUs <= GAP_WARNING_US) return;
    this.#count++;
    if (lengthUs > GAP_CRITICAL_US) this.#weeks++;
    this.#longest.take(gap);
  }

  /** Louder with one longer than a week; null without any. */
  notice(command: string): Notice | null {
    const weeks = this.#weeks;
    if (this.#count === 0) return null;
    return notice(
      {
        event: 'gaps',
        level: weeks > 0 ? 'critical' : 'warning',
        title: `${counted(this.#count, 'gap')} of more than a day${weeks > 0 ? `, ${count(weeks)} of more than a week` : ''}`,
        lines: this.#longest
          .sorted()
          .map(
            ({ venue, symbol, intervalS, fromUs, toUs }) =>
              `${venue} ${symbol} ${interval(intervalS)}: ${instant(fromUs)} to ${instant(toUs)}`,
          ),
        command,
        runId: null,
      },
      this.#count,
    );
  }
}

/** Findings of `validate` by check; those of freshness are told apart as staleness. Empty without any. */
export function noticesOfFindings(
  findings: readonly { readonly check: string; readonly count: number; readonly text: string }[],
  command: string,
): Notice[] {
  const told: Notice[] = [];
  for (const event of ['stale', 'findings'] as const) {
    const some = findings.filter(({ check }) => (check === 'fresh') === (event === 'stale'));
    if (some.length === 0) continue;
    const sum = some.reduce((total, { count: n }) => total + n, 0);
    told.push(
      notice({
        event,
        level: 'warning',
        title:
          event === 'stale' ? `${counted(some.length, 'series', 'series')} stale` : counted(sum, 'finding'),
        lines: some.map(({ text }) => text),
        command,
        runId: null,
      }),
    );
  }
  return told;
}

/** The last part of an address is what people know a file by; the rest may hold keys. */
function fileName(uri: string, entry: string | null): string {
  const name = decodeURIComponent(uri.split(/[?#]/, 1)[0]!.replace(/\/+$/, '').split('/').at(-1)!);
  return entry === null ? name : `${name} › ${entry}`;
}
