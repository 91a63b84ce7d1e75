/** Which longer bars shorter ones make. Intervals in seconds; a month is counted as 30 days, and is a calendar month. */

const DAY_S = 86_400;
const WEEK_S = 604_800;
const MONTH_S = 2_592_000;

/** Whether bars of this interval are ever made of shorter ones: parts of a day that fill it, a day, a week, a month. */
export function isRollup(intervalS: number): boolean {
  if (intervalS === WEEK_S || intervalS === MONTH_S) return true;
  return intervalS > 0 && DAY_S % intervalS === 0;
}

/** Whether bars of `intervalS` fill each bar of `rollupS`: the same number of them on every day. */
export function makes(intervalS: number, rollupS: number): boolean {
  if (intervalS >= rollupS || !isRollup(rollupS)) return false;
  return (rollupS < DAY_S ? rollupS : DAY_S) % intervalS === 0;
}
