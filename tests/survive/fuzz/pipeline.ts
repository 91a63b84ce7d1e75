import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { INDICATOR_NAMES } from '../../../src/bars/columns.ts';
import type { Fault } from '../../../src/faults/fault.ts';
import { INFLATE_LIMITS } from '../../../src/producer/archive/inflate_limits.ts';
import { discover } from '../../../src/producer/planning/discover.ts';
import type { DiscoveredTask } from '../../../src/producer/planning/found_task.ts';
import { LocalSource } from '../../../src/producer/sources/local/source.ts';
import { NO_ROLE } from '../../../src/state/series/rollup_roles.ts';
import type { TaskPlan } from '../../../src/state/task_plan.ts';
import type { Assignment, WorkerSettings } from '../../../src/workers/link/assignment.ts';
import { MainLink } from '../../../src/workers/link/main_link.ts';
import type { RejectSummary, RowCounts } from '../../../src/workers/link/task_result.ts';
import runTask from '../../../src/workers/task_worker.ts';

/**
 * The whole way of a file without a database: discovery plans it, the entry of a worker thread loads it (in this
 * thread), and its rows are encoded for COPY and thrown away. The main thread's part is played by a few lines.
 */

export interface Loaded {
  readonly kind: 'loaded';
  readonly rows: RowCounts;
  readonly rejects: readonly RejectSummary[];
  readonly firstTsUs: number | null;
  readonly lastTsUs: number | null;
}

export interface Failed {
  readonly kind: 'failed';
  readonly by: 'discovery' | 'attempt';
  readonly fault: Fault;
}

/** What became of a task; `plan` is null when discovery refused it. */
export type Ended = (Loaded | Failed) & { readonly plan: TaskPlan | null };

export const SETTINGS: WorkerSettings = {
  databaseUrl: '',
  hypertable: false,
  nodes: null,
  source: {},
  batchRows: 4096,
  copyBytes: 64 << 10,
  sortRows: 1_000_000,
  maxRecordBytes: 1 << 20,
  inflate: INFLATE_LIMITS,
  indicators: INDICATOR_NAMES.map(() => true),
  latestUs: Date.UTC(2027, 0, 1) * 1000,
  sink: 'null',
};

/** The reject budget a load has where nobody says otherwise. */
export const BUDGET = { maxRejects: 1000, maxRejectShare: 0.01 };

/** Loads one file, and gives what became of each of its tasks. The file is removed afterwards. */
export async function run(folder: string, path: string, bytes: Uint8Array): Promise<Ended[]> {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  try {
    const ended: Ended[] = [];
    for await (const task of discover([await LocalSource.at(file)], {
      layout: 'auto',
      fromUs: null,
      toUs: null,
      symbols: null,
      intervals: null,
      onInvalid: 'reject',
      onConflict: 'keep',
      ...BUDGET,
    }))
      ended.push(await attempt(task));
    return ended;
  } finally {
    rmSync(file);
  }
}

async function attempt(task: DiscoveredTask): Promise<Ended> {
  const { plan } = task;
  if (plan === null) return { kind: 'failed', by: 'discovery', fault: task.fault, plan };
  const { port1, port2 } = new MessageChannel();
  const main = new MainLink(port1, {
    answer: async (question) => {
      switch (question.kind) {
        case 'series':
          return Int32Array.from(question.symbols, (_, i) => i + 1);
        case 'states':
          question.into.fill(Number.NaN);
          return null;
        case 'partitions':
        case 'company':
          return [];
        case 'turn':
          return 0;
      }
    },
    notice: () => {},
    fault: (error) => ({ kind: 'internal', message: String(error) }),
  });
  const assignment: Assignment = {
    taskId: 1,
    attempt: 1,
    uri: task.uri,
    entry: task.entry,
    etag: task.etag,
    sizeBytes: task.sizeBytes,
    plan,
    replaces: false,
    merge: false,
    eventRevision: 0,
    knownSeries: null,
    rollups: NO_ROLE,
    settings: SETTINGS,
    port: port2,
  };
  try {
    const { result } = await runTask(assignment);
    if (result.kind === 'needs-standing' || result.kind === 'parts') throw new Error('nothing stands here');
    if (result.kind === 'failed') return { kind: 'failed', by: 'attempt', fault: result.fault, plan };
    return { ...result, plan };
  } finally {
    main.close();
  }
}
