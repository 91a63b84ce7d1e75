/**
 * Every failure a user can meet, as plain data: it crosses threads by structured clone (which drops error
 * subclasses), it is stored in `task.error`, and the command line prints it without a stack trace.
 */

/** What went wrong, by code. Decisions (retry or not, exit code) are made on this, never on message text. */
export type FaultKind =
  | 'usage' // a flag, a path or a configuration value that cannot be meant
  | 'not-found' // the object, entry or bucket is not there (404, ENOENT)
  | 'forbidden' // it is there, we may not read it (403, EACCES)
  | 'credentials' // no, expired or refused credentials; clock skew; wrong region
  | 'source-changed' // the object changed between listing and reading
  | 'network' // connection refused, reset, DNS, 5xx after retries
  | 'timeout'
  | 'truncated' // fewer bytes than the container promised
  | 'corrupt' // bytes that are not what the container says (bad deflate data, CRC, signature)
  | 'checksum' // a published checksum or row count that differs
  | 'encrypted'
  | 'unsupported' // a zip inside a zip, an unknown compression method
  | 'limit' // a bound of the settings was met (record length, inflate ratio, memory)
  | 'encoding' // bytes that are no text of the encoding they are said to be in
  | 'not-a-bar-file' // header or fields are not those of any layout
  | 'timestamp' // stamps outside all reason: wrong unit or damaged
  | 'too-many-rejects'
  | 'reconcile' // records read <> loaded + rejected + duplicates + empty
  | 'database-connect'
  | 'database'
  | 'lost-lease' // another attempt owns the task now
  | 'predecessor' // an earlier task of the lane must go first
  | 'interrupted'
  | 'internal'; // a broken invariant of our own

/** Where in the input it happened. Offsets are bytes into the inflated object or entry, lines count from 1. */
export interface FaultPlace {
  readonly uri?: string;
  readonly entry?: string;
  readonly byteOffset?: number;
  readonly line?: number;
  readonly field?: string;
}

/** A failure as plain data. */
export interface Fault {
  readonly kind: FaultKind;
  /** One sentence: what happened. No secrets, no control characters. */
  readonly message: string;
  readonly where?: FaultPlace;
  readonly expected?: string;
  readonly found?: string;
  /** What the user can do, ideally a command. */
  readonly hint?: string;
  /** A code from below: SQLSTATE, errno, HTTP status. */
  readonly code?: string;
}

/** An `Error` that carries a {@link Fault}. */
export class BackhaulError extends Error {
  readonly fault: Fault;
  constructor(fault: Fault, options?: ErrorOptions) {
    super(fault.message, options);
    this.name = 'BackhaulError';
    this.fault = fault;
  }
}
