/**
 * What a code from below means: errno of files and sockets, OpenSSL, zlib, SQLSTATE, HTTP status, S3. The one table all
 * of the program goes by. Pure; messages and hints are worded where the code was met.
 */

import type { FaultKind } from './fault.ts';

/**
 * Whether the same may end better when it is done again. `no`: it gets the same answer. `few`: it might not, but a wrong
 * name or port is likelier, so a human is told soon. `yes`: it often gets better. `slow-down`: the other side asks for
 * fewer requests at a time.
 */
export type Retry = 'no' | 'few' | 'yes' | 'slow-down';

export interface Cause {
  readonly kind: FaultKind;
  readonly retry: Retry;
}

function rows(kind: FaultKind, retry: Retry, codes: string): readonly (readonly [string, Cause])[] {
  return codes.split(/\s+/).map((code) => [code, { kind, retry }]);
}

/**
 * errno, and codes of Node's own in its place. A stale handle (`ESTALE`) is a file server that came back, or put another
 * file there: opened again, the file is the one that was listed, or says that it has changed. An input-output error
 * (`EIO`) is a medium that cannot be read there, and reading on wears it out. Too many open files passes when other
 * attempts end.
 */
export const ERRNO: ReadonlyMap<string, Cause> = new Map([
  ...rows('not-found', 'no', 'ENOENT ENOTDIR EISDIR'),
  ...rows('forbidden', 'no', 'EACCES EPERM'),
  ...rows('corrupt', 'no', 'EIO Z_DATA_ERROR'),
  ...rows('truncated', 'no', 'Z_BUF_ERROR'),
  ...rows('limit', 'no', 'ENOSPC EDQUOT EFBIG ENOMEM Z_MEM_ERROR'),
  ...rows('limit', 'yes', 'EMFILE ENFILE'),
  ...rows('network', 'yes', 'ECONNRESET ECONNABORTED EPIPE EAI_AGAIN EHOSTDOWN ENETDOWN ENETRESET ESTALE'),
  ...rows('network', 'yes', 'UND_ERR_SOCKET ERR_STREAM_PREMATURE_CLOSE'),
  ...rows('network', 'few', 'ENOTFOUND ECONNREFUSED EHOSTUNREACH ENETUNREACH'),
  ...rows('network', 'no', 'EPROTO HOSTNAME_MISMATCH'),
  ...rows('timeout', 'yes', 'ETIMEDOUT'),
  ...rows('timeout', 'yes', 'UND_ERR_CONNECT_TIMEOUT UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT'),
  ...rows('interrupted', 'no', 'ABORT_ERR'),
]);

/** Codes by their beginning: a certificate that will not do, a connection that speaks another language or breaks. */
export const CODE_FAMILIES: readonly (readonly [string, Cause])[] = [
  ...rows('network', 'no', 'ERR_TLS_ ERR_SSL_ CERT_ UNABLE_TO_ DEPTH_ZERO_ SELF_SIGNED_'),
  ...rows('network', 'yes', 'HPE_ UND_ERR_'),
];

/** A lock not to be had, a server that is being stopped or restarted or is starting; and a name or password it refuses. */
export const SQLSTATE: ReadonlyMap<string, Cause> = new Map([
  ...rows('database', 'yes', '55P03 57P01 57P02 57P03 57P05 25P03'),
  ...rows('database-connect', 'no', '28P01 28000 3D000'),
]);

/** SQLSTATEs by their class: connection, transaction rollback (deadlock, serialization), resources. */
export const SQLSTATE_CLASSES: ReadonlyMap<string, Cause> = new Map([
  ...rows('database-connect', 'yes', '08'),
  ...rows('database', 'yes', '40 53'),
]);

/** All other SQLSTATEs. */
const DATABASE: Cause = { kind: 'database', retry: 'no' };

export const HTTP_STATUS: ReadonlyMap<string, Cause> = new Map([
  ...rows('credentials', 'no', '401'),
  ...rows('forbidden', 'no', '403 407 451'),
  ...rows('not-found', 'no', '404 410'),
  ...rows('source-changed', 'no', '412'),
  ...rows('truncated', 'no', '416'),
  ...rows('timeout', 'yes', '408 504'),
  ...rows('network', 'slow-down', '429 503'),
]);

/** All other statuses: the server failed, or it refuses what was asked of it. */
const SERVER_FAILED: Cause = { kind: 'network', retry: 'yes' };
const REFUSED: Cause = { kind: 'network', retry: 'no' };

/** Error codes of S3 and of the AWS SDK. They go before the status that comes with them. */
export const S3_CODE: ReadonlyMap<string, Cause> = new Map([
  ...rows('not-found', 'no', 'NoSuchBucket NoSuchKey NotFound'),
  ...rows('source-changed', 'no', 'PreconditionFailed'),
  ...rows('truncated', 'no', 'InvalidRange'),
  ...rows('forbidden', 'no', 'InvalidObjectState AccessDenied Forbidden AllAccessDisabled AccountProblem'),
  ...rows('credentials', 'no', 'AuthorizationHeaderMalformed InvalidAccessKeyId SignatureDoesNotMatch'),
  ...rows('credentials', 'no', 'InvalidToken ExpiredToken ExpiredTokenException TokenRefreshRequired'),
  ...rows('credentials', 'no', 'RequestExpired RequestTimeTooSkewed'),
  ...rows('credentials', 'no', 'CredentialsProviderError TokenProviderError ProviderError'),
  ...rows('credentials', 'no', 'PermanentRedirect TemporaryRedirect IllegalLocationConstraintException'),
  ...rows('network', 'slow-down', 'SlowDown ServiceUnavailable Throttling ThrottlingException'),
  ...rows('network', 'slow-down', 'RequestThrottled TooManyRequests TooManyRequestsException'),
  ...rows('network', 'slow-down', 'RequestLimitExceeded'),
  ...rows('network', 'yes', 'InternalError OperationAborted'),
  ...rows('timeout', 'yes', 'RequestTimeout'),
]);

/** Five digits or capitals, and a digit among them: EPIPE is none. */
const IS_SQLSTATE = /^(?=.*\d)[0-9A-Z]{5}$/;
/** A status alone, or with the name that came with it. */
const IS_STATUS = /^([1-5]\d\d)(?: (\S+))?$/;

/** What `code` means; null: nobody knows. A status may have the error's own name behind it, as in `503 SlowDown`. */
export function causeOf(code: string): Cause | null {
  const status = IS_STATUS.exec(code);
  if (status !== null) return S3_CODE.get(status[2] ?? '') ?? causeOfStatus(status[1]!);
  if (IS_SQLSTATE.test(code)) return SQLSTATE.get(code) ?? SQLSTATE_CLASSES.get(code.slice(0, 2)) ?? DATABASE;
  return ERRNO.get(code) ?? S3_CODE.get(code) ?? familyOf(code);
}

function causeOfStatus(status: string): Cause | null {
  const told = HTTP_STATUS.get(status);
  if (told !== undefined) return told;
  if (status >= '500') return SERVER_FAILED;
  return status >= '400' ? REFUSED : null;
}

function familyOf(code: string): Cause | null {
  return CODE_FAMILIES.find(([beginning]) => code.startsWith(beginning))?.[1] ?? null;
}

/**
 * What a kind means where no code tells more. `source-changed` is not tried again: the plan is stale, the next listing
 * makes a new one. Nor are `lost-lease`, `predecessor` and `interrupted`: they say nothing about the file, the task is
 * given back.
 */
export const KIND_PASSES: Readonly<Record<FaultKind, boolean>> = {
  usage: false,
  'not-found': false,
  forbidden: false,
  credentials: false,
  'source-changed': false,
  network: true,
  timeout: true,
  truncated: false,
  corrupt: false,
  checksum: false,
  encrypted: false,
  encoding: false,
  unsupported: false,
  limit: false,
  'not-a-bar-file': false,
  timestamp: false,
  'too-many-rejects': false,
  reconcile: false,
  'database-connect': true,
  database: false,
  'lost-lease': false,
  predecessor: false,
  interrupted: false,
  internal: false,
};
