import type { Db } from '../database/connect.ts';
import type { SeriesFilter } from '../series/series.ts';
import { type RecordedScan, recordScan, seriesWithOpenGaps } from './gap_store.ts';
import { scanSeries } from './scan.ts';

/** Looks again at gaps on record alone, at each where it lies: what has been loaded since is filled. */
export async function recheck(db: Db, filter: SeriesFilter, nowUs: number): Promise<RecordedScan> {
  const open = await seriesWithOpenGaps(db);
  const scans = await scanSeries(db, { filter, fromUs: null, toUs: null, nowUs }, open);
  const onRecordAlone = scans.map((scan) => ({ ...scan, window: null }));
  return recordScan(db, onRecordAlone, false, nowUs);
}
