/** This machine's clock beside those of the database and of S3. */

import { type Check, checksOf } from './check.ts';

/** Times in tables and logs are hard to put together beyond this. */
const NOTICEABLE_S = 5;
/** S3 refuses requests that are signed more than 15 minutes off. */
const REFUSED_S = 14 * 60;

const SET_CLOCK = 'sudo timedatectl set-ntp true';

/** How far this clock is ahead of the database's, ms. Leases are the database's own time: nothing breaks. */
export function checkDatabaseClock(aheadMs: number): Check {
  const { ok, warning } = checksOf('database');
  const off = offText(aheadMs);
  if (Math.abs(aheadMs) < NOTICEABLE_S * 1000) return ok('clock', `${off} the database's`);
  return warning('clock', `${off} the database's: stamps of runs and logs will not agree`, SET_CLOCK);
}

/** How far this clock is ahead of an S3 service's, ms; null: it did not say. */
export function checkS3Clock(host: string, aheadMs: number | null): Check {
  const { ok, warning, failure } = checksOf('sources');
  if (aheadMs === null)
    return warning('clock of S3', `${host} tells no time`, 'check --endpoint-url and the network');
  const off = offText(aheadMs);
  // The service tells whole seconds.
  if (Math.abs(aheadMs) < (NOTICEABLE_S + 1) * 1000) return ok('clock of S3', `${off} that of ${host}`);
  if (Math.abs(aheadMs) < REFUSED_S * 1000)
    return warning('clock of S3', `${off} that of ${host}`, SET_CLOCK);
  return failure('clock of S3', `${off} that of ${host}: it refuses requests signed 15 min off`, SET_CLOCK);
}

function offText(aheadMs: number): string {
  const seconds = (Math.abs(aheadMs) / 1000).toFixed(1);
  return seconds === '0.0' ? 'agrees with' : `${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`;
}

/** The time a service tells in its `Date` header, against ours; ms, null where it cannot be had. */
export async function s3AheadMs(address: string): Promise<number | null> {
  const before = Date.now();
  try {
    const answer = await fetch(address, {
      method: 'HEAD',
      redirect: 'manual',
      signal: AbortSignal.timeout(5_000),
    });
    const told = Date.parse(answer.headers.get('date') ?? '');
    // Half a second is what its whole seconds are short of on average.
    return Number.isNaN(told) ? null : (before + Date.now()) / 2 - told - 500;
  } catch {
    return null;
  }
}
