/** Markets that stand under two names, and what came of making them one. */

import { counted } from '../base/quantities.ts';
import type { Mended, SplitMarket } from '../series/market_of_two_series.ts';
import { seriesText } from '../state/series/series_name.ts';
import { type Check, checksOf } from './check.ts';

/** Markets named one by one; of more their number is told. */
const NAMED = 10;

/** Nothing where all is well: most databases never had one. */
export function checkMarkets(split: readonly SplitMarket[]): Check[] {
  const { warning } = checksOf('database');
  const checks = split.slice(0, NAMED).map(({ keep, others, untilUs }) => {
    const names = others.map((other) => other.symbol).join(' and ');
    const until = untilUs === null ? '' : `, before its rename on ${dayOf(untilUs)}`;
    const what = `${seriesText(keep)} stands under ${names} too${until}: one market, and each holds a part of its bars`;
    return warning('one market', what, MEND);
  });
  const more = split.length - checks.length;
  return more > 0
    ? [...checks, warning('one market', `${counted(more, 'more market')} under two names`, MEND)]
    : checks;
}

/** A rename's day, of whichever zone: a session begins half a day off at most. */
function dayOf(us: number): string {
  return new Date(us / 1000 + 43_200_000).toISOString().slice(0, 10);
}

const MEND = 'npx backhaul doctor --fix makes one series of them, and keeps every bar';

/** A market that was mended. */
export function mendedCheck({ keep, others }: SplitMarket, { moved, equal, conflicts }: Mended): Check {
  const { ok, warning } = checksOf('database');
  const names = others.map((other) => other.symbol).join(' and ');
  const same = equal > 0 ? `, ${counted(equal, 'bar')} stood there already` : '';
  const what = `${seriesText(keep)} has taken over what stood under ${names}: ${counted(moved, 'bar')}${same}`;
  if (conflicts === 0) return ok('one market', what);
  return warning(
    'one market',
    `${what}, ${counted(conflicts, 'bar')} of ${names} told otherwise and gave way`,
    'npx backhaul query "SELECT * FROM backhaul.conflict ORDER BY ts DESC LIMIT 20"',
  );
}
