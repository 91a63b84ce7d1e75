/** What a failed request means for the one who asked: the fault to report, and whether to ask again. */

import { type Cause, causeOf, type Retry } from '../../../faults/causes.ts';
import { BackhaulError, type Fault, type FaultKind } from '../../../faults/fault.ts';

export class TransferError extends Error {
  readonly fault: Fault;
  readonly retry: Retry;
  /** What `Retry-After` asks for; null where it says nothing. */
  readonly retryAfterMs: number | null;
  constructor(fault: Fault, retry: Retry, retryAfterMs: number | null = null) {
    super(fault.message);
    this.name = 'TransferError';
    this.fault = fault;
    this.retry = retry;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Codes that a socket, a name look-up or the parser of HTTP answers with. */
const IS_SOCKETS =
  /^(E[A-Z_]+|ERR_STREAM_PREMATURE_CLOSE|(HPE|UND_ERR|ERR_TLS|ERR_SSL|CERT|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED)_.*|HOSTNAME_MISMATCH)$/;
/** A connection that broke in a way the table does not know. */
const BROKE: Cause = { kind: 'network', retry: 'yes' };
const TIMED_OUT: Cause = { kind: 'timeout', retry: 'yes' };

/**
 * A failure of name lookup, connection, TLS or socket, by its errno. `server` is a host name for the message.
 * Null: the error is none of these.
 */
export function socketError(error: unknown, uri: string, server: string): TransferError | null {
  const { code, name } = error as { code?: unknown; name?: unknown };
  const errno = typeof code === 'string' ? code : '';
  // The SDK calls some of them a timeout which say better what they are themselves.
  const isLate = name === 'TimeoutError' && errno !== 'ECONNRESET' && errno !== 'EPIPE';
  if (!isLate && !IS_SOCKETS.test(errno)) return null;
  const { kind, retry } = isLate ? TIMED_OUT : (causeOf(errno) ?? BROKE);
  const fault = {
    kind,
    ...wordsFor(kind, retry, errno, server),
    where: { uri },
    ...(errno === '' ? {} : { code: errno }),
  };
  return new TransferError(fault, retry);
}

function wordsFor(
  kind: FaultKind,
  retry: Retry,
  errno: string,
  server: string,
): Pick<Fault, 'message' | 'hint'> {
  if (kind === 'timeout')
    return {
      message: `${server} did not answer in time`,
      hint: 'check the network, or raise BACKHAUL_CONNECT_TIMEOUT_MS and BACKHAUL_IDLE_TIMEOUT_MS',
    };
  if (retry === 'few')
    return {
      message:
        errno === 'ENOTFOUND' ? `there is no host named ${server}` : `${server} cannot be reached (${errno})`,
      hint: 'check the address (--endpoint-url, --region) and the network',
    };
  if (kind === 'network' && retry === 'no')
    return {
      message: `no secure connection to ${server}`,
      hint: 'check the address; for a private certificate authority set NODE_EXTRA_CA_CERTS',
    };
  return { message: `the connection to ${server} broke (${errno})` };
}

/** `Retry-After` in ms, of seconds or of an HTTP date; null for none or nonsense. At most a minute is believed. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  const ms = /^\d{1,6}$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(ms) ? null : Math.min(60_000, Math.max(0, ms));
}

/** The fault as an error that a caller outside this folder understands. */
export function asBackhaulError(error: TransferError): BackhaulError {
  return new BackhaulError(error.fault);
}
