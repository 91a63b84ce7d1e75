/** The memory rows are compared and computed in. */

import type { BarColumns } from '../bars/columns.ts';
import { RowKernel } from '../bars/row_kernel.ts';

/** All of it lies in one kernel's memory. */
export interface MergeMemory {
  readonly kernel: RowKernel;
  /** Rows as they stand, on their way in. */
  readonly standing: BarColumns;
  /** Rows of one series at a time, old and new, being computed. */
  readonly work: BarColumns;
  /** Rows to be written: those of the incoming batch, and as many standing ones as are read at a time. */
  readonly out: BarColumns;
  /** Where COPY's bytes are made. */
  readonly buffers: readonly Uint8Array[];
}

/** Rows computed at a time: 26 columns of them stay in the second-level cache, and a short series fills few. */
const WORK_ROWS = 4096;
const BUFFERS = 2;
const BUFFER_BYTES = 256 * 1024;

/** Rows of `out` for batches of `batchRows`. */
function outRows(batchRows: number): number {
  return 2 * Math.max(batchRows, WORK_ROWS);
}

/** The rows of each set of columns that {@link mergeMemoryIn} asks a kernel for. */
export function mergeSets(batchRows: number): readonly number[] {
  return [WORK_ROWS, WORK_ROWS, outRows(batchRows)];
}

/** Takes its part of a kernel's memory; `buffers` are the thread's own. */
export function mergeMemoryIn(
  kernel: RowKernel,
  batchRows: number,
  buffers: readonly Uint8Array[],
): MergeMemory {
  return {
    kernel,
    buffers,
    standing: kernel.columns(WORK_ROWS),
    work: kernel.columns(WORK_ROWS),
    out: kernel.columns(outRows(batchRows)),
  };
}

/** For a thread that has no memory of its own for batches. */
export function mergeMemory(batchRows = 2 * WORK_ROWS): MergeMemory {
  const kernel = new RowKernel(0, 0, BUFFERS, BUFFER_BYTES, mergeSets(batchRows));
  const buffers = Array.from({ length: BUFFERS }, () => kernel.buffer(BUFFER_BYTES));
  return mergeMemoryIn(kernel, batchRows, buffers);
}
