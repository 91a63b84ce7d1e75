/** What the workers of a load go by. */

import { INDICATOR_NAMES } from '../bars/columns.ts';
import { INFLATE_LIMITS } from '../producer/archive/inflate_limits.ts';
import type { NodeSessions } from '../state/schema/node_statements.ts';
import type { WorkerSettings } from '../workers/link/assignment.ts';
import { recordLimits } from './defaults.ts';
import type { LoadOptions } from './load_events.ts';

/** Defaults measured in `bench/`: larger batches gain nothing, smaller ones pay per message and per write. */
const BATCH_ROWS = 24_576;

const ROW_BYTES = 200;

const COPY_BYTES = 512 * 1024;

/** Some 90 MB of bars a worker at the most, without indicators. */
const SORT_ROWS = 1_000_000;

/** What the workers of a load go by. */
export function settingsOf(
  options: LoadOptions,
  hypertable: boolean,
  nodes: NodeSessions | null = null,
): WorkerSettings {
  const { batchBytes } = options;
  return {
    databaseUrl: options.databaseUrl ?? '',
    hypertable,
    nodes,
    source: options.sourceOptions,
    batchRows:
      batchBytes === null ? BATCH_ROWS : Math.min(262_144, Math.max(64, Math.floor(batchBytes / ROW_BYTES))),
    copyBytes: COPY_BYTES,
    sortRows: SORT_ROWS,
    ...recordLimits(),
    inflate: options.inflate ?? INFLATE_LIMITS,
    indicators: INDICATOR_NAMES.map((name) => options.indicators.includes(name)),
    sink: 'postgres',
  };
}
