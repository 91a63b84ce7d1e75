/** Series that ought to have newer bars. Pure. */

import { instant } from '../base/quantities.ts';
import type { SeriesScan } from '../gaps/scan.ts';
import { type Finding, findingOf } from './findings.ts';

const HOUR_US = 3_600_000_000;

/**
 * A series is stale when a bar is expected after its last one that was over `staleHours` ago: over a weekend, stocks do
 * not go stale.
 */
export function checkFreshness(scans: readonly SeriesScan[], staleHours: number, nowUs: number): Finding[] {
  const findings: Finding[] = [];
  for (const { series, expectedBars } of scans) {
    if (series.lastUs === null) continue;
    const overBy = expectedBars.completeUntil(nowUs - staleHours * HOUR_US);
    const missing = expectedBars.count(expectedBars.endOf(series.lastUs), overBy);
    if (missing === 0) continue;
    const hours = (nowUs - series.lastUs) / HOUR_US;
    findings.push(
      findingOf(
        'fresh',
        series,
        missing,
        `the last bar is ${instant(series.lastUs)} UTC, ${hours.toFixed(1)} h ago`,
        [{ atUs: series.lastUs, text: `bars expected since, up to ${staleHours} h ago` }],
      ),
    );
  }
  return findings;
}
