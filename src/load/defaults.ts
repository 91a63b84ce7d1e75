/** What a load does where nobody says otherwise: the same for the command line and the library. */

import { INDICATOR_NAMES } from '../bars/columns.ts';
import { INFLATE_LIMITS } from '../producer/archive/inflate_limits.ts';
import type { LoadOptions } from './load_events.ts';

export const LOAD_DEFAULTS: Omit<LoadOptions, 'sources' | 'databaseUrl'> = {
  sourceOptions: {},
  layout: 'auto',
  fromUs: null,
  toUs: null,
  symbols: null,
  intervals: null,
  interval: null,
  venue: null,
  indicators: INDICATOR_NAMES,
  workers: 'auto',
  cpuTarget: 0.9,
  // Rejects a file may have: so many, and this share of its records.
  maxRejects: 1000,
  maxRejectShare: 0.01,
  prices: 'float8',
  onInvalid: 'reject',
  onConflict: 'keep',
  reload: false,
  dryRun: false,
  batchBytes: null,
  leaseMs: 60_000,
  inflate: INFLATE_LIMITS,
  // A file of a million records takes less; nobody who asks to stop waits longer without wondering.
  drainMs: 10_000,
};

const MAX_RECORD_BYTES = 1024 * 1024;
/** A stamp may lie this far in the future: clocks differ, and day bars are stamped by exchanges ahead of UTC. */
const FUTURE_US = 2 * 86_400 * 1e6;

/** What no record may go beyond, now. */
export function recordLimits(): { readonly maxRecordBytes: number; readonly latestUs: number } {
  return { maxRecordBytes: MAX_RECORD_BYTES, latestUs: Date.now() * 1000 + FUTURE_US };
}
