/** What to do about it, as commands. Pure. */

import { apiOf } from '../gaps/find_holes.ts';
import { publishedFiles } from '../gaps/published_files.ts';
import type { Report, ReportedGap } from './completeness.ts';

export interface NextCommand {
  readonly command: string;
  readonly why: string;
}

/** Files named; a list of all is `gaps list --csv`. */
const FILES_NAMED = 3;
/** Files of one gap that are counted: ten years of day files say nothing new after the first hundred. */
const FILES_COUNTED = 100;

/** Recommended commands, the first first. */
export function nextCommands(report: Report): NextCommand[] {
  const next: NextCommand[] = [];
  const { gaps, failedTasks, pendingTasks, absent, suspicious } = report;
  if (failedTasks > 0)
    next.push({ command: 'npx backhaul status', why: `${plural(failedTasks, 'file')} failed: see why` });
  if (pendingTasks > 0)
    next.push({
      command: 'npx backhaul load <the same source>',
      why: `${plural(pendingTasks, 'file')} waits to be loaded`,
    });
  if (gaps.length > 0)
    next.push({ command: 'npx backhaul gaps scan', why: 'puts the gaps on record, for filling' });
  const reachable = gaps.filter((gap) => gap.overflow !== null && gap.overflow <= 0).length;
  if (reachable > 0)
    next.push({
      command: 'npx backhaul gaps fill --api kraken',
      why: `${plural(reachable, 'gap')} within its 720 bars`,
    });
  const files = mostWanted(gaps, report.options.nowUs);
  for (const { name, count } of files.slice(0, FILES_NAMED)) {
    next.push({
      command: `npx backhaul gaps fill ${name}`,
      why: `fills ${plural(count, 'gap')}, or parts of them`,
    });
  }
  if (files.length > FILES_NAMED)
    next.push({ command: 'npx backhaul gaps list --csv', why: `all ${files.length} files to download` });
  const slow = gaps.filter((gap) => apiOf({ ...gap, venue: gap.series.venue }) === 'kraken-trades').length;
  if (slow > 0)
    next.push({
      command: 'npx backhaul gaps fill --api kraken-trades --dry-run',
      why: `how long ${plural(slow, 'gap')} would take from Kraken's trades, without a file`,
    });
  if (absent.length > 0) {
    const symbols = absent.map((one) => one.symbol).join(',');
    next.push({
      command: `npx backhaul load <source> --symbols ${symbols}`,
      why: 'of tiers, with nothing loaded',
    });
  }
  if (suspicious.length > 0)
    next.push({
      command: 'npx backhaul gaps scan',
      why: `shows ${plural(suspicious.length, 'suspicious stretch', 'suspicious stretches')} inside what files vouch for: get those files again`,
    });
  if (next.length === 0)
    next.push({ command: 'npx backhaul validate', why: 'all is there: check that it is sound' });
  return next;
}

/** Published files by how many gaps they help with; only files of periods that are over. */
function mostWanted(gaps: readonly ReportedGap[], nowUs: number): { name: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const gap of gaps) {
    let seen = 0;
    for (const file of publishedFiles(gap.series, gap, nowUs, gap.former)) {
      if (file.periodEndUs <= nowUs) counts.set(file.name, (counts.get(file.name) ?? 0) + 1);
      if (++seen >= FILES_COUNTED) break;
    }
  }
  return [...counts]
    .map(([name, count]) => ({ name, count }))
    .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
}

function plural(number: number, noun: string, many = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : many}`;
}
