/** What the stages of one attempt share. */

import type { ClientBase } from 'pg';
import type { Assignment } from '../link/assignment.ts';
import type { WorkerLink } from '../link/worker_link.ts';
import type { AttemptProgress } from './attempt_progress.ts';
import type { AttemptTransaction } from './transaction.ts';
import type { WorkerMemory } from './worker_memory.ts';

export interface AttemptParts {
  readonly task: Assignment;
  readonly link: WorkerLink;
  /** Null when rows go to no database. */
  readonly client: ClientBase | null;
  readonly memory: WorkerMemory;
  readonly transaction: AttemptTransaction;
  readonly progress: AttemptProgress;
}
