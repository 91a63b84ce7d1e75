/**
 * Takes out again what loads have brought. A bar that another file vouches for too stays; one that a file replaced is
 * gone with it, for nobody has kept what was there before.
 */

import type { ClientBase, Pool } from 'pg';
import { INDICATOR_NAMES } from '../bars/columns.ts';
import { killPoint } from '../base/kill_points.ts';
import { inTransaction } from '../database/connect.ts';
import { BackhaulError } from '../faults/fault.ts';
import { SessionClock } from '../indicators/engine.ts';
import { mergeMemory } from '../merge/merge_memory.ts';
import { type Gone, removeOld } from '../merge/merge_rows.ts';
import { Rewriter } from '../merge/rewriter.ts';
import { Upkeep } from '../rollups/upkeep.ts';
import { Partitions } from '../state/leaves/partitions.ts';
import { CLAIM_LOCK } from '../state/moves.ts';
import { isHypertable } from '../state/schema/migrate.ts';
import { reopenGaps } from '../state/series/gap_rows.ts';
import { type FilesOf, rollupRoles } from '../state/series/rollup_roles.ts';
import { forgetRollup, standingTargets } from '../state/series/rollups.ts';
import { dropSeriesRows } from '../state/series/series_rows.ts';
import { dropEdges } from '../state/series/trade_edges.ts';
import { isAtWork } from '../state/tasks/lane_standing.ts';
import { type LoadedTask, setAside } from '../state/tasks/unload.ts';
import { sessionZoneOf } from './coverage.ts';
import type { Series } from './series.ts';
import { restoreShared } from './shared_trade_bars.ts';

export interface UnloadOptions {
  readonly signal: AbortSignal;
  readonly onTask: (task: LoadedTask, bars: number) => void;
}

export interface UnloadSummary {
  readonly type: 'unload';
  readonly tasks: number;
  readonly series: number;
  /** Bars that are gone. */
  readonly bars: number;
  /** Bars behind them whose indicators changed. */
  readonly recomputed: number;
  readonly interrupted: boolean;
}

/** Rows in which an indicator is NULL keep it so; what stands of it is made true. */
const NOT_ASKED = INDICATOR_NAMES.map(() => false);

/**
 * Takes out tasks, in a transaction each, in the order given: their bars, rejects, conflicts and coverage; the
 * indicators behind are made right. Claims wait meanwhile. Fault `database` while a load is at work on one of them.
 */
export async function unloadTasks(
  db: Pool,
  tasks: readonly LoadedTask[],
  { signal, onTask }: UnloadOptions,
): Promise<UnloadSummary> {
  await makeStanding(db);
  const sums = { bars: 0, recomputed: 0 };
  let done = 0;
  for (const task of tasks) {
    if (signal.aborted) break;
    const gone = await inTransaction(db, (client) => unloadTask(db, client, task));
    killPoint('unload.committed');
    onTask(task, gone.bars);
    sums.bars += gone.bars;
    sums.recomputed += gone.recomputed;
    done++;
  }
  return { type: 'unload', tasks: done, series: 0, ...sums, interrupted: done < tasks.length };
}

async function unloadTask(
  db: Pool,
  client: ClientBase,
  task: LoadedTask,
): Promise<{ bars: number; recomputed: number }> {
  await alone(client, task);
  if (!(await setAside(client, task.taskId))) return { bars: 0, recomputed: 0 };
  await reopenGaps(client, task.taskId);
  const upkeep = await beginUpkeep(db, client, task);
  const shared = await restoreShared(client, task.taskId);
  await dropEdges(client, task.taskId);
  const hypertable = await isHypertable(client);
  const { bars, gone: removed } = await removeOld(client, task.taskId, hypertable);
  const gone = new Map(removed);
  for (const { seriesId, ts } of shared) {
    const { fromUs, untilUs } = gone.get(seriesId) ?? { fromUs: ts, untilUs: ts };
    gone.set(seriesId, { fromUs: Math.min(fromUs, ts), untilUs: Math.max(untilUs, ts) });
  }
  killPoint('unload.removed');
  const recomputed = await makeRight(client, task, gone, hypertable);
  for (const [seriesId, { fromUs, untilUs }] of gone) upkeep.lost(seriesId, fromUs, untilUs);
  await upkeep.settle((ids, rollupS) => standingTargets(client, ids, rollupS), new Map());
  killPoint('unload.recomputed');
  return { bars, recomputed };
}

/** What looks after longer bars that the task's bars are in, and shorter ones that they are made of. */
async function beginUpkeep(
  db: Pool,
  client: ClientBase,
  task: FilesOf & { readonly sessionZone: string },
): Promise<Upkeep> {
  const { venue, symbol, intervalS, sessionZone } = task;
  const [role] = await rollupRoles(client, [task]);
  const hypertable = await isHypertable(client);
  const upkeep = new Upkeep(client, mergeMemory(), {
    session: SessionClock.zone(sessionZone),
    sessionZone,
    hypertable,
    asked: INDICATOR_NAMES.map(() => true),
    taskId: null,
    files: { venue, symbol, intervalS },
    ...role!,
    leavesFor: (stamps) => new Partitions(db, hypertable).ensure(stamps, { standing: true }),
  });
  await upkeep.begin();
  return upkeep;
}

/** The indicators of the bars behind those that are gone; resolves to how many had others. */
async function makeRight(
  client: ClientBase,
  { sessionZone, intervalS }: LoadedTask,
  gone: ReadonlyMap<number, Gone>,
  hypertable: boolean,
): Promise<number> {
  const rewriter = new Rewriter(client, mergeMemory(), {
    session: SessionClock.zone(sessionZone),
    hypertable,
    asked: NOT_ASKED,
    taskId: null,
    toTheEnd: false,
  });
  const changed = [...gone].map(([seriesId, { fromUs, untilUs }]) => ({
    seriesId,
    intervalUs: intervalS * 1e6,
    fromUs,
    goneUntilUs: untilUs,
    rows: new Int32Array(0),
  }));
  await rewriter.rewrite(null, changed, 'none');
  return [...rewriter.changed.values()].reduce((sum, rows) => sum + rows, 0);
}

/**
 * Takes out whole series, in a transaction each: what files of many symbols brought of them. Those files stay loaded;
 * `--reload` brings the series back. Resolves to the bars that are gone.
 */
export async function unloadSeries(
  db: Pool,
  series: readonly Series[],
  signal: AbortSignal,
): Promise<number> {
  await makeStanding(db);
  let bars = 0;
  // Longer ones first: those that were made of shorter ones go with these, and would not be counted.
  for (const one of series.toSorted((a, b) => b.intervalS - a.intervalS)) {
    if (signal.aborted) break;
    bars += await inTransaction(db, async (client) => {
      await alone(client, one);
      const upkeep = await beginUpkeep(db, client, {
        ...one,
        sessionZone: await sessionZoneOf(client, one.seriesId),
      });
      const gone = await dropSeriesRows(client, one.seriesId);
      await forgetRollup(client, one);
      if (one.firstUs !== null) upkeep.lost(one.seriesId, one.firstUs, one.lastUs!);
      await upkeep.settle((ids, rollupS) => standingTargets(client, ids, rollupS), new Map());
      return gone;
    });
  }
  return bars;
}

/** Nobody claims anything until we commit; what somebody is at work on already is left alone. */
async function alone(client: ClientBase, of: FilesOf): Promise<void> {
  await client.query(`SELECT ${CLAIM_LOCK}`);
  if (!(await isAtWork(client, [of]))) return;
  throw new BackhaulError({
    kind: 'database',
    message: 'A load is at work on what is to be taken out.',
    hint: 'Wait for it to end; npx backhaul status shows it.',
  });
}

/** Rows are found by their key: every leaf needs its own. */
async function makeStanding(db: Pool): Promise<void> {
  await new Partitions(db, await isHypertable(db)).promoteAll(1, () => {}, true);
}
