/** Keys of layouts that do not exist, and which were meant. */

import { nearest } from '../../base/nearest.ts';

/** Keys that belong somewhere else than where they are often written. */
const HOME: Readonly<Record<string, string>> = {
  unit: 'time',
  format: 'time',
  zone: 'time',
  stamps: 'time',
  timezone: 'time: { zone: … }',
  tz: 'time: { zone: … }',
  decimal: 'numbers',
  thousands: 'numbers',
  suffixes: 'numbers',
  currency: 'numbers',
  null: 'numbers',
  scale: 'numbers',
  group: 'symbol, venue or interval',
};

export const DID_YOU_MEAN = 'did you mean';

/** What a key that does not exist was likely meant to be. */
export function keyMeant(key: string, keys: readonly string[]): string {
  const near = nearest(key, keys);
  if (near !== null) return `${DID_YOU_MEAN} ${near}?`;
  const home = Object.hasOwn(HOME, key) ? HOME[key] : undefined;
  return home === undefined ? `there are ${keys.join(', ')}` : `${key} belongs into ${home}`;
}
