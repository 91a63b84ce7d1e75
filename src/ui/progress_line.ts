/** One line that says how far a load is: for a terminal, drawn again and again, and for a log. */

import { bytes, clock, count, counted, duration, short } from '../base/quantities.ts';
import type { DiscoveringEvent, ProgressEvent } from '../load/load_events.ts';
import { PLAIN, type Style } from './style.ts';
import { cutEnd, displayWidth, sanitise } from './text.ts';

const WINDOW_SECONDS = 10;

/** Rows and bytes a second over the last seconds, so that the line follows what happens now. */
export class RecentRate {
  readonly #samples: { seconds: number; rows: number; bytes: number }[] = [];

  add(progress: ProgressEvent): void {
    const { seconds, rowsRead, bytesDone } = progress;
    this.#samples.push({ seconds, rows: rowsRead, bytes: bytesDone });
    // One sample from before the window stays: the rate then spans all of it.
    while (this.#samples.length > 2 && this.#samples[1]!.seconds <= seconds - WINDOW_SECONDS) {
      this.#samples.shift();
    }
  }

  get rowsPerSecond(): number {
    return this.#perSecond((sample) => sample.rows);
  }

  get bytesPerSecond(): number {
    return this.#perSecond((sample) => sample.bytes);
  }

  #perSecond(of: (sample: { rows: number; bytes: number }) => number): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.seconds <= first.seconds) return 0;
    return Math.max(0, of(last) - of(first)) / (last.seconds - first.seconds);
  }
}

const LEAST_BAR = 10;
const MOST_BAR = 30;

/** The bar of a terminal: no wider than `width`; what matters least goes first where it is narrow. */
export function drawnLine(progress: ProgressEvent, rate: RecentRate, width: number, style = PLAIN): string {
  const share = progress.bytesTotal === 0 ? 0 : Math.min(1, progress.bytesDone / progress.bytesTotal);
  if (progress.phase === 'finish') {
    return cutEnd(
      `partitions get their keys  ${short(progress.rowsLoaded)} rows  ${clock(progress.seconds)}`,
      width,
    );
  }
  const left = (progress.bytesTotal - progress.bytesDone) / rate.bytesPerSecond;
  const faulty = [
    ...(progress.rowsRejected > 0 ? [style.yellow(`${short(progress.rowsRejected)} rejects`)] : []),
    ...(progress.tasksFailed > 0 ? [style.red(`${short(progress.tasksFailed)} failed`)] : []),
  ];
  const parts = [
    `${String(Math.floor(share * 100)).padStart(3)}%`,
    `${count(progress.tasksDone)}/${count(progress.tasksTotal)} files`,
    `${short(progress.rowsLoaded)} rows`,
    `${short(rate.rowsPerSecond)}/s`,
    ...faulty,
    ...(Number.isFinite(left) ? [`${clock(left)} left`] : []),
    counted(progress.workers, 'worker'),
  ];
  let text = parts[0]!;
  for (const part of parts.slice(1)) {
    const longer = `${text}  ${part}`;
    if (displayWidth(longer) + LEAST_BAR < width) text = longer;
  }
  const room = Math.min(MOST_BAR, width - displayWidth(text) - 1);
  if (room < LEAST_BAR) return cutEnd(text, width);
  const full = Math.round(room * share);
  return `${style.green('█'.repeat(full))}${style.dim('░'.repeat(room - full))} ${text}`;
}

/** The plain line of a log: whole words and numbers. */
export function plainLine(progress: ProgressEvent, rate: RecentRate): string {
  if (progress.phase === 'finish') {
    return `partitions get their keys, ${count(progress.rowsLoaded)} rows loaded, ${duration(progress.seconds)}`;
  }
  const share = progress.bytesTotal === 0 ? 0 : (100 * progress.bytesDone) / progress.bytesTotal;
  return [
    `${count(progress.tasksDone)} of ${counted(progress.tasksTotal, 'file')}`,
    `${Math.floor(share)}% of ${bytes(progress.bytesTotal)}`,
    `${count(progress.rowsLoaded)} rows`,
    `${count(rate.rowsPerSecond)} rows/s`,
    ...(progress.rowsRejected > 0 ? [`${count(progress.rowsRejected)} rejects`] : []),
    ...(progress.tasksFailed > 0 ? [`${count(progress.tasksFailed)} failed`] : []),
    counted(progress.workers, 'worker'),
    duration(progress.seconds),
  ].join(', ');
}

/** The line while sources are listed. */
export function discoveringLine(event: DiscoveringEvent, width: number, style: Style = PLAIN): string {
  const found = `${counted(event.objects, 'object')}, ${counted(event.entries, 'entry', 'entries')}`;
  return style.dim(cutEnd(`looking into ${sanitise(event.source)}: ${found}`, width));
}
