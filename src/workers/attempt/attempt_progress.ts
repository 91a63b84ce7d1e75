/** How far an attempt is and where its time goes, told to the main thread now and then. */

import { killPoint } from '../../base/kill_points.ts';
import type { PhaseSeconds } from '../link/messages.ts';
import type { WorkerLink } from '../link/worker_link.ts';
import type { FileScan } from './file_scan.ts';

/** Between two reports. */
const PROGRESS_MS = 200;

export class AttemptProgress {
  readonly waits: PhaseSeconds = { source: 0, lane: 0, copy: 0 };
  readonly #link: WorkerLink;
  #inflated = 0;
  /** Rows on their way to the sink, and those it has taken. */
  #queued = 0;
  #written = 0;
  /** What was reported last: when, and how many records. */
  #reported = { at: 0, records: 0 };

  constructor(link: WorkerLink) {
    this.#link = link;
  }

  /** Inflated bytes scanned. */
  get inflatedBytes(): number {
    return this.#inflated;
  }

  /** The file is read from its beginning again; the time spent so far stays spent. */
  restart(): void {
    this.#inflated = 0;
    this.#queued = 0;
    this.#written = 0;
    this.#reported = { at: 0, records: 0 };
  }

  /**
   * A piece of the file is about to be scanned.
   * @throws BackhaulError where the attempt shall end
   */
  sawBytes(bytes: number, file: FileScan): void {
    this.#link.signal.throwIfAborted();
    this.#inflated += bytes;
    file.checkBudget();
    if (this.#inflated === bytes) killPoint('bytes.first');
    this.#report(file);
  }

  queuedRows(rows: number): void {
    this.#queued += rows;
  }

  wroteRows(rows: number, file: FileScan): void {
    this.#written += rows;
    this.#report(file);
  }

  /**
   * Says how far it is. Where batches wait for the sink, records count as it takes them: the scanner is batches ahead
   * then, and goes on by leaps.
   */
  #report(file: FileScan): void {
    const now = performance.now();
    if (now - this.#reported.at < PROGRESS_MS) return;
    const isAhead = this.#queued > this.#written;
    const records = isAhead
      ? this.#written + file.duplicates + file.rejected + file.scanner.counters.empty
      : file.scanner.counters.recordsRead;
    this.#reported = { at: now, records: Math.max(records, this.#reported.records) };
    this.#link.tell({
      kind: 'progress',
      bytes: this.#inflated,
      records: this.#reported.records,
      waits: { ...this.waits },
    });
  }
}
