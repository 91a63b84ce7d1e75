/** What goes between a pool and its threads besides their tasks. */

import type { TaskResult } from './task_result.ts';

/** What is said to a thread on its own line, and what it answers. */
export type PoolWord = 'part' | 'parted';

/** What a thread brings back. */
export interface ThreadResult {
  readonly thread: number;
  readonly result: TaskResult;
}
