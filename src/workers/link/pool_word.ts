/** What goes between a pool and its threads besides their tasks. */

import type { TaskResult } from './task_result.ts';

/** What is said to all threads of a pool, and what each of them answers. */
export type PoolWord = { readonly kind: 'part' } | { readonly kind: 'parted'; readonly thread: number };

/** What a thread brings back. */
export interface ThreadResult {
  readonly thread: number;
  readonly result: TaskResult;
}
