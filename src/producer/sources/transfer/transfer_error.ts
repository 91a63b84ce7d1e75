/** What a failed request means for the one who asked: the fault to report, and whether to ask again. */

import { BackhaulError, type Fault } from '../../../faults/fault.ts';

/**
 * `no`: the same request gets the same answer. `few`: it might not, but a wrong name or port is likelier, so a
 * human is told soon. `yes`: it often gets better. `slow-down`: the server asks for fewer requests at a time.
 */
export type Retry = 'no' | 'few' | 'yes' | 'slow-down';

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

const WRONG_NAME = new Set(['ENOTFOUND', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH']);
const TLS = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|EPROTO$|HOSTNAME_MISMATCH)/;

/**
 * A failure of name lookup, connection, TLS or socket, by its errno. `server` is a host name for the message.
 * Null: the error is none of these.
 */
export function socketError(error: unknown, uri: string, server: string): TransferError | null {
  const { code, name } = error as { code?: unknown; name?: unknown };
  const errno = typeof code === 'string' ? code : '';
  const where = { uri };
  if (name === 'TimeoutError' && errno !== 'ECONNRESET' && errno !== 'EPIPE') {
    return new TransferError(
      {
        kind: 'timeout',
        message: `${server} did not answer in time`,
        where,
        hint: 'check the network, or raise BACKHAUL_CONNECT_TIMEOUT_MS and BACKHAUL_IDLE_TIMEOUT_MS',
        ...(errno === '' ? {} : { code: errno }),
      },
      'yes',
    );
  }
  if (TLS.test(errno)) {
    return new TransferError(
      {
        kind: 'network',
        message: `no secure connection to ${server}`,
        where,
        code: errno,
        hint: 'check the address; for a private certificate authority set NODE_EXTRA_CA_CERTS',
      },
      'no',
    );
  }
  if (WRONG_NAME.has(errno)) {
    const message =
      errno === 'ENOTFOUND' ? `there is no host named ${server}` : `${server} cannot be reached (${errno})`;
    const hint = 'check the address (--endpoint-url, --region) and the network';
    return new TransferError({ kind: 'network', message, where, code: errno, hint }, 'few');
  }
  if (/^E[A-Z_]+$|^ERR_STREAM_PREMATURE_CLOSE$|^HPE_|^UND_ERR_/.test(errno)) {
    const message = `the connection to ${server} broke (${errno})`;
    return new TransferError({ kind: 'network', message, where, code: errno }, 'yes');
  }
  return null;
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
