/** One GET on the web with its redirects, within the bounds that every transfer keeps. */

import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type Cause, causeOf } from '../../../faults/causes.ts';
import type { Fault, FaultKind } from '../../../faults/fault.ts';
import { abortError } from '../../../faults/file_fault.ts';
import { retryAfterMs, socketError, TransferError } from '../transfer/transfer_error.ts';
import type { TransferLimits } from '../transfer/transfer_limits.ts';
import { type AddressPolicy, isAllowed, lookupBy, REFUSED_ADDRESS } from './address_policy.ts';

const MAX_REDIRECTS = 5;
const MAX_SOCKETS = 256;
const SHORT_BODY_BYTES = 64 << 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

const AGENTS = {
  'http:': new http.Agent({ keepAlive: true, maxSockets: MAX_SOCKETS }),
  'https:': new https.Agent({ keepAlive: true, maxSockets: MAX_SOCKETS }),
};

export interface WebAccess {
  readonly allowPrivateAddresses: boolean;
  readonly limits: TransferLimits;
}

/**
 * The answer (200, 206 or 416) to a GET of `uri`; the body is the caller's to read or destroy.
 * @throws TransferError for every other answer; BackhaulError `interrupted` when aborted
 */
export async function get(
  uri: string,
  headers: Readonly<Record<string, string>>,
  access: WebAccess,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  let url = new URL(uri);
  for (let hops = 0; ; hops++) {
    const response = await send(url, uri, headers, access, signal);
    const status = response.statusCode ?? 0;
    if (status === 200 || status === 206 || status === 416) return response;
    const { location } = response.headers;
    const retryAfter = retryAfterMs(response.headers['retry-after'], Date.now());
    discard(response);
    if (!REDIRECTS.has(status) || location === undefined)
      throw statusError(status, url.host, uri, retryAfter);
    if (hops === MAX_REDIRECTS) throw refused(uri, 'unsupported', `more than ${MAX_REDIRECTS} redirects`);
    url = redirected(url, location, uri);
  }
}

/** Done with a body nobody reads: a short one is let come, which keeps the connection. */
export function discard(response: IncomingMessage): void {
  if (Number(response.headers['content-length'] ?? Number.POSITIVE_INFINITY) <= SHORT_BODY_BYTES) {
    response.on('error', () => {}).resume();
  } else {
    response.destroy();
  }
}

/** Where a redirect leads. @throws TransferError when it leads out of https, or carries a password */
export function redirected(from: URL, location: string, uri: string): URL {
  if (!URL.canParse(location, from.href))
    throw refused(uri, 'unsupported', `${from.host} redirects to no address`);
  const to = new URL(location, from);
  const secure = to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:');
  if (!secure)
    throw refused(uri, 'unsupported', `${from.host} redirects from https to ${to.protocol}//${to.host}`);
  if (to.username !== '' || to.password !== '') {
    throw refused(uri, 'unsupported', `${from.host} redirects to an address with a password in it`);
  }
  return to;
}

function refused(uri: string, kind: FaultKind, message: string, hint?: string): TransferError {
  return new TransferError({ kind, message, where: { uri }, ...(hint === undefined ? {} : { hint }) }, 'no');
}

/** Plain http is for servers next door, and only when asked for. */
function policyOf(url: URL, { allowPrivateAddresses }: WebAccess): AddressPolicy {
  if (url.protocol === 'http:') return 'private';
  return allowPrivateAddresses ? 'any' : 'public';
}

function send(
  url: URL,
  uri: string,
  headers: Readonly<Record<string, string>>,
  access: WebAccess,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  const policy = policyOf(url, access);
  const literal = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0 && !isAllowed(literal, policy)) throw refusedAddress(uri, url, policy);
  if (signal?.aborted) throw abortError(signal);
  const { connectTimeoutMs, idleTimeoutMs } = access.limits;
  return new Promise((resolve, reject) => {
    const secure = url.protocol === 'https:';
    const request = (secure ? https : http).get(url, {
      headers: { 'user-agent': 'backhaul', accept: '*/*', 'accept-encoding': 'identity', ...headers },
      agent: AGENTS[secure ? 'https:' : 'http:'],
      lookup: lookupBy(policy),
    });
    const late = () => request.destroy(Object.assign(new Error('late'), { name: 'TimeoutError' }));
    let timer = setTimeout(late, connectTimeoutMs);
    const connected = () => {
      clearTimeout(timer);
      timer = setTimeout(late, idleTimeoutMs);
    };
    const abort = () => request.destroy();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    signal?.addEventListener('abort', abort, { once: true });
    request.on('socket', (socket) => {
      if (!socket.connecting) connected();
      else socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', connected);
    });
    request.on('response', (response) => {
      done();
      resolve(response);
    });
    request.on('error', (error) => {
      done();
      if (signal?.aborted) return reject(abortError(signal));
      const { code } = error as NodeJS.ErrnoException;
      if (code === REFUSED_ADDRESS) return reject(refusedAddress(uri, url, policy));
      reject(socketError(error, uri, url.host) ?? error);
    });
  });
}

function refusedAddress(uri: string, url: URL, policy: AddressPolicy): TransferError {
  return policy === 'private'
    ? refused(uri, 'usage', `${url.host} is on the internet, where plain http is not used`, 'write https://')
    : refused(
        uri,
        'forbidden',
        `${url.host} is an address of this machine or its own network`,
        'add --allow-private when that is meant',
      );
}

const AGAIN = 'run the same command again: it looks anew';

type Words = Pick<Fault, 'message' | 'hint'>;

const WORDS: Readonly<Record<number, (host: string) => Words>> = {
  401: (host) => ({ message: `${host} wants a login for it`, hint: 'download it first, and load the file' }),
  403: (host) => ({ message: `${host} does not let us read it` }),
  404: (host) => ({ message: `it is not there at ${host}`, hint: 'check the address' }),
  408: (host) => ({ message: `${host} ran out of time` }),
  410: (host) => ({ message: `it is no longer there at ${host}` }),
  412: () => ({ message: 'the file changed since it was listed', hint: AGAIN }),
  429: (host) => ({ message: `${host} asks for fewer requests` }),
  503: (host) => ({ message: `${host} is too busy` }),
};

/** An answer that is none we asked for. */
const STRANGE: Cause = { kind: 'network', retry: 'no' };

function statusError(status: number, host: string, uri: string, retryAfter: number | null): TransferError {
  const { kind, retry } = causeOf(String(status)) ?? STRANGE;
  const words = WORDS[status]?.(host) ?? {
    message: status >= 500 ? `${host} failed` : `${host} answered ${status}`,
  };
  return new TransferError({ kind, ...words, where: { uri }, code: String(status) }, retry, retryAfter);
}
