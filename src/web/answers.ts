/** What the page asks, and what it is answered: plain JSON, each answer of bounded size. */

import type { Pool } from 'pg';
import { readReport, shareCovered } from '../report/completeness.ts';
import { ALL_SERIES } from '../series/series.ts';
import { TASK_STATES, type TaskState } from '../state/machine.ts';
import { recentRuns } from '../state/runs/run_history.ts';
import { statusSummary } from '../state/runs/status.ts';
import { filesAfter, latestRejects, watchedRun } from '../state/runs/watching.ts';

type Answer = (db: Pool, query: URLSearchParams) => Promise<unknown>;

/** Files of an answer: the page takes fewer for the last ones. */
const PAGE_ROWS = 200;
const REJECTS = 200;
const RUNS = 200;
/** Rows of the map: the least complete ones. */
const MAP_ROWS = 500;
/** The map is a look at every series: made once in so long. */
const MAP_MS = 60_000;

let map: { readonly at: number; readonly of: Pool; readonly value: Promise<unknown> } | null = null;

export const answers: Readonly<Record<string, Answer>> = {
  '/api/live': async (db) => ({ run: await watchedRun(db), status: await statusSummary(db, 30) }),
  '/api/files': (db, query) =>
    filesAfter(
      db,
      stateOf(query.get('state')),
      query.get('part') || null,
      wholeOf(query.get('after')),
      PAGE_ROWS,
    ),
  '/api/rejects': (db) => latestRejects(db, REJECTS),
  '/api/runs': (db) => recentRuns(db, 365, RUNS),
  '/api/completeness': (db) => {
    const now = performance.now();
    if (map === null || map.of !== db || now - map.at > MAP_MS) map = { at: now, of: db, value: readMap(db) };
    return map.value;
  },
};

function stateOf(text: string | null): TaskState | null {
  return TASK_STATES.find((state) => state === text) ?? null;
}

function wholeOf(text: string | null): number {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

/** Series by month: the share that files vouch for. */
async function readMap(db: Pool): Promise<unknown> {
  const report = await readReport(db, {
    filter: ALL_SERIES,
    tiers: [],
    fromUs: null,
    toUs: null,
    upTo: 'files',
    nowUs: Date.now() * 1000,
  });
  const rows = report.rows.flatMap((row) => [...row.cells.values()].map((cell) => ({ row, cell })));
  const shown = rows
    .sort((a, b) => shareCovered(a.cell) - shareCovered(b.cell))
    .slice(0, MAP_ROWS)
    .map(({ row, cell }) => ({
      venue: row.venue,
      symbol: row.symbol,
      intervalS: cell.series.intervalS,
      share: shareCovered(cell),
      derivedFromS: [...new Set(cell.derived.map(({ fromIntervalS }) => fromIntervalS))],
      derivedStretches: cell.derived.length,
      months: cell.months.map((month) => ({ monthUs: month.monthUs, share: shareCovered(month) })),
    }));
  return { rows: shown, series: rows.length, bars: report.bars };
}
