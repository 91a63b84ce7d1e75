/** The bounds every request to a remote source keeps. */

import { BackhaulError } from '../../../faults/fault.ts';

export interface TransferLimits {
  /** From asking for a connection to having it. */
  readonly connectTimeoutMs: number;
  /** The longest wait for the next byte, the first one included. */
  readonly idleTimeoutMs: number;
  /** Failures in a row, without one new byte between them, before a transfer is given up. */
  readonly maxAttempts: number;
  /** A transfer that fails and has not brought 1 MiB in so long is given up as well. */
  readonly deadlineMs: number;
  /** The first pause is at most this long, each later one at most twice the one before. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

const DEFAULTS: TransferLimits = {
  connectTimeoutMs: 10_000,
  idleTimeoutMs: 30_000,
  maxAttempts: 8,
  deadlineMs: 300_000,
  firstPauseMs: 100,
  longestPauseMs: 20_000,
};

const VARIABLES: Readonly<Record<keyof TransferLimits, string>> = {
  connectTimeoutMs: 'BACKHAUL_CONNECT_TIMEOUT_MS',
  idleTimeoutMs: 'BACKHAUL_IDLE_TIMEOUT_MS',
  maxAttempts: 'BACKHAUL_TRANSFER_ATTEMPTS',
  deadlineMs: 'BACKHAUL_TRANSFER_DEADLINE_MS',
  firstPauseMs: 'BACKHAUL_RETRY_FIRST_PAUSE_MS',
  longestPauseMs: 'BACKHAUL_RETRY_LONGEST_PAUSE_MS',
};

/** The limits in force: `set` over the environment's `BACKHAUL_…` over the defaults. Fault `usage` for a bad variable. */
export function transferLimits(set: Partial<TransferLimits> = {}): TransferLimits {
  const limits: Record<keyof TransferLimits, number> = { ...DEFAULTS };
  for (const [name, variable] of Object.entries(VARIABLES) as [keyof TransferLimits, string][]) {
    limits[name] = set[name] ?? positiveInteger(variable) ?? DEFAULTS[name];
  }
  return limits;
}

/** The environment's value, null where it has none. Fault `usage` where it is no whole number above 0. */
export function positiveInteger(variable: string): number | null {
  const text = process.env[variable];
  if (text === undefined || text === '') return null;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new BackhaulError({
    kind: 'usage',
    message: `${variable} must be a whole number above 0`,
    found: text.slice(0, 40),
  });
}
