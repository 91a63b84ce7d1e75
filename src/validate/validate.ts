import type { Db } from '../database/connect.ts';
import { type SeriesScan, scanSeries } from '../gaps/scan.ts';
import type { SeriesFilter } from '../series/series.ts';
import { checkAgreement } from './agreement.ts';
import { checkJumps, checkOhlc, checkStamps, checkVolume, type Scope } from './bar_checks.ts';
import type { Check, Finding } from './findings.ts';
import { checkFreshness } from './freshness.ts';
import { checkRowCounts } from './row_counts.ts';

/** Data-quality checks over what is loaded. Reads only. µs since 1970. */

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

/** Series a query looks at together: bounds what it sorts at once. */
const SERIES_AT_ONCE = 2_000;

/** Makes the checks asked for. Faults `usage` for an unknown symbol or interval and for an empty range. */
export async function validate(db: Db, options: ValidateOptions): Promise<Validation> {
  const scans = await scanSeries(db, options);
  const made: Check[] = [];
  const findings: Finding[] = [];
  for (const check of options.checks) {
    if (check === 'fresh' && options.staleHours === null) continue;
    // Files are counted whole, so a part of the bars says nothing of them.
    if (check === 'rows' && (options.fromUs !== null || options.toUs !== null)) continue;
    options.onCheck(check);
    findings.push(...(await make(db, check, scans, options)));
    made.push(check);
  }
  return { series: scans.length, made, findings };
}

async function make(
  db: Db,
  check: Check,
  scans: readonly SeriesScan[],
  options: ValidateOptions,
): Promise<readonly Finding[]> {
  switch (check) {
    case 'fresh':
      return checkFreshness(scans, options.staleHours!, options.nowUs);
    case 'intervals':
      return checkAgreement(db, scans);
    case 'rows':
      return checkRowCounts(db, asked(scans, options.filter));
    default:
      return inParts(scans, options, (scope) => {
        if (check === 'ohlc') return checkOhlc(db, scope);
        if (check === 'jumps') return checkJumps(db, scope, options.jumpDeviations);
        if (check === 'volume') return checkVolume(db, scope, options.volumeDeviations);
        return checkStamps(db, scope);
      });
  }
}

async function inParts(
  scans: readonly SeriesScan[],
  { fromUs, toUs }: ValidateOptions,
  work: (scope: Scope) => Promise<Finding[]>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (let at = 0; at < scans.length; at += SERIES_AT_ONCE) {
    const series = scans.slice(at, at + SERIES_AT_ONCE).map((scan) => scan.series);
    findings.push(...(await work({ series, fromUs, toUs })));
  }
  return findings;
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
