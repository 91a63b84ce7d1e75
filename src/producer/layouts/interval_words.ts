/** Intervals as words: `5m`, `1h`, `1mo`. */

/** A week, and a month as it is counted: 30 days. */
export const WEEK_S = 604_800;
export const MONTH_S = 2_592_000;

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: WEEK_S,
  mo: MONTH_S,
};

/** The seconds of `30s`, `5m`, `15min`, `1h`, `1hr`, `1d`, `1w`, `1mo` or `1M` (a month counts as 30 days); null for other words. */
export function intervalSeconds(word: string): number | null {
  if (word === '1M') return UNIT_SECONDS['mo']!;
  const match =
    /^(\d{1,6})(?:(s|sec|seconds?)|(m|min|minutes?)|(h|hr|hours?)|(d|days?)|(w|weeks?)|(mo|months?))$/i.exec(
      word,
    );
  if (match === null || Number(match[1]) === 0) return null;
  const unit = ['s', 'm', 'h', 'd', 'w', 'mo'][match.slice(2).findIndex((group) => group !== undefined)]!;
  return Number(match[1]) * UNIT_SECONDS[unit]!;
}

/** `5m`, `1h`, `1d`: as it is written in flags. */
export function spelledInterval(seconds: number): string {
  const unit = (['mo', 'w', 'd', 'h', 'm'] as const).find((one) => seconds % UNIT_SECONDS[one]! === 0) ?? 's';
  return `${seconds / UNIT_SECONDS[unit]!}${unit}`;
}
