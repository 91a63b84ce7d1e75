/** The memory a worker works in: batches, buffers, columns, allocated once. */

import type { BarColumns } from '../../bars/columns.ts';
import { RowKernel } from '../../bars/row_kernel.ts';
import { MAX_ROW_BYTES } from '../../copy/wire.ts';
import { type MergeMemory, mergeMemoryIn, mergeSets } from '../../merge/merge_memory.ts';

/** Batches the scanner may be ahead of the lane and of COPY. */
const BATCHES = 3;
/** Two buffers take turns: one is filled while the socket drains the other. */
const BUFFERS = 2;

/** The memory a thread works in, kept from task to task: it is the largest allocation of a worker. */
export interface WorkerMemory {
  readonly kernel: RowKernel;
  readonly columns: readonly BarColumns[];
  /** Where COPY's bytes are made. */
  readonly buffers: readonly Uint8Array[];
  /** For rows among those that stand. */
  merge(): MergeMemory;
}

let kept: { readonly batchRows: number; readonly copyBytes: number; readonly memory: WorkerMemory } | null =
  null;

/** This thread's memory for batches of `batchRows` rows and writes of `copyBytes`. */
export function workerMemory(batchRows: number, copyBytes: number): WorkerMemory {
  if (kept?.batchRows === batchRows && kept.copyBytes === copyBytes) return kept.memory;
  kept = null;
  const bytes = Math.max(copyBytes, 4 * MAX_ROW_BYTES);
  const kernel = new RowKernel(BATCHES, batchRows, BUFFERS, bytes, mergeSets(batchRows));
  const buffers = Array.from({ length: BUFFERS }, () => kernel.buffer(bytes));
  let merging: MergeMemory | null = null;
  const memory: WorkerMemory = {
    kernel,
    columns: Array.from({ length: BATCHES }, () => kernel.columns(batchRows)),
    buffers,
    merge: () => {
      merging ??= mergeMemoryIn(kernel, batchRows, buffers);
      return merging;
    },
  };
  kept = { batchRows, copyBytes, memory };
  return memory;
}
