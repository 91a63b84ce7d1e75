/** Data-quality checks over what is loaded. Reads only. µs since 1970. */

import type { Db } from '../database/connect.ts';
import { type SeriesScan, scanSeries } from '../gaps/scan.ts';
import type { SeriesFilter } from '../series/series.ts';
import { checkAgreement } from './agreement.ts';
import { BAR_CHECKS, type BarCheck, type CheckedBars, checkBars } from './bar_checks.ts';
import type { Check, Finding } from './findings.ts';
import { checkFreshness } from './freshness.ts';
import { checkRowCounts } from './row_counts.ts';
import { checkSplits, readSplits } from './split_check.ts';

export interface ValidateOptions {
  readonly filter: SeriesFilter;
  readonly fromUs: number | null;
  readonly toUs: number | null;
  readonly nowUs: number;
  readonly checks: readonly Check[];
  /** Null: how old the last bar is does not matter. */
  readonly staleHours: number | null;
  readonly jumpDeviations: number;
  readonly volumeDeviations: number;
  readonly onCheck: (check: Check) => void;
}

export interface Validation {
  readonly series: number;
  /** Checks that were made, in their order. */
  readonly made: readonly Check[];
  readonly findings: readonly Finding[];
}

/**
 * Makes the checks asked for.
 * @throws BackhaulError `usage` for an unknown symbol or interval and for an empty range
 */
export async function validate(db: Db, options: ValidateOptions): Promise<Validation> {
  const scans = await scanSeries(db, options);
  const made: Check[] = [];
  const findings: Finding[] = [];
  let bars: CheckedBars | null = null;
  for (const check of options.checks) {
    if (check === 'fresh' && options.staleHours === null) continue;
    // Files are counted whole, so a part of the bars says nothing of them.
    if (check === 'rows' && (options.fromUs !== null || options.toUs !== null)) continue;
    options.onCheck(check);
    made.push(check);
    if (isBarCheck(check)) {
      bars ??= await lookAtBars(db, scans, options);
      findings.push(...bars.findings.filter((finding) => finding.check === check));
      if (check === 'jumps')
        findings.push(
          ...(await checkSplits(
            db,
            scans.map(({ series }) => series),
            options.fromUs,
            options.toUs,
          )),
        );
    } else if (check === 'fresh') {
      findings.push(...checkFreshness(scans, options.staleHours!, options.nowUs));
    } else if (check === 'intervals') {
      findings.push(...(await checkAgreement(db, scans)));
    } else {
      const counts = bars?.bars ?? null;
      findings.push(...(await checkRowCounts(db, counts, asked(scans, options.filter))));
    }
  }
  return { series: scans.length, made, findings };
}

function isBarCheck(check: Check): check is BarCheck {
  return (BAR_CHECKS as readonly Check[]).includes(check);
}

/** All checks of bars that are asked for, in one pass. */
async function lookAtBars(
  db: Db,
  scans: readonly SeriesScan[],
  options: ValidateOptions,
): Promise<CheckedBars> {
  const { rows } = await db.query<{ count: number }>('SELECT count(*)::int AS count FROM backhaul.series');
  const checks = new Set(options.checks.filter(isBarCheck));
  return checkBars(db, scans, rows[0]!.count === scans.length, {
    ...options,
    checks,
    splits: checks.has('jumps') ? await readSplits(db) : new Map(),
  });
}

/** Which counts belong to the series asked for; those of files of many symbols only where nobody chose symbols. */
function asked(
  scans: readonly SeriesScan[],
  filter: SeriesFilter,
): (venue: string, symbol: string | null, intervalS: number) => boolean {
  const everySymbol = filter.symbols === null && filter.tierSymbols === null;
  const chosen = new Set(
    scans.map(({ series }) => JSON.stringify([series.venue, series.symbol, series.intervalS])),
  );
  return (venue, symbol, intervalS) => {
    if (symbol !== null)
      return chosen.has(JSON.stringify([venue, symbol, intervalS])) || (everySymbol && wanted(intervalS));
    return everySymbol && wanted(intervalS);
  };
  function wanted(intervalS: number): boolean {
    return filter.intervals === null || filter.intervals.includes(intervalS);
  }
}
