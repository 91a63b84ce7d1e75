/**
 * AWS Signature Version 4 as a server checks it, for the tests' S3 server.
 * Source: AWS, "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)".
 */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface Account {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Set for temporary credentials. */
  readonly sessionToken?: string;
  readonly expired?: boolean;
}

export interface SignedRequest {
  readonly method: string;
  /** As it came over the wire, query included. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

/** An answer of S3 that is not the one hoped for. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** More elements of the error document. */
  readonly extra?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

const SKEW_MS = 15 * 60_000;
const SHAPE =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;

/** Null when the request is signed by one of the accounts for this region and time; else what S3 says. */
export function checkSignature(
  request: SignedRequest,
  accounts: readonly Account[],
  region: string,
  now: Date,
): Refusal | null {
  const match = SHAPE.exec(request.headers.authorization ?? '');
  if (match === null)
    return refuse(400, 'AuthorizationHeaderMalformed', 'The authorization header is malformed.');
  const [, accessKeyId, day, signedRegion, signedHeaders, signature] = match as unknown as string[];
  const account = accounts.find((a) => a.accessKeyId === accessKeyId);
  if (account === undefined) {
    return refuse(
      403,
      'InvalidAccessKeyId',
      'The AWS Access Key Id you provided does not exist in our records.',
      {
        AWSAccessKeyId: accessKeyId!,
      },
    );
  }
  if (account.expired) return refuse(400, 'ExpiredToken', 'The provided token has expired.');
  if (account.sessionToken !== request.headers['x-amz-security-token']) {
    return refuse(400, 'InvalidToken', 'The provided token is malformed or otherwise invalid.');
  }
  if (signedRegion !== region) {
    return refuse(
      400,
      'AuthorizationHeaderMalformed',
      `The authorization header is malformed; the region '${signedRegion}' is wrong; expecting '${region}'`,
      { Region: region },
    );
  }
  const stamp = String(request.headers['x-amz-date'] ?? '');
  if (!stamp.startsWith(day!) || Math.abs(parseStamp(stamp) - now.getTime()) > SKEW_MS) {
    return refuse(
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
      {
        RequestTime: stamp,
        ServerTime: now.toISOString(),
        MaxAllowedSkewMilliseconds: String(SKEW_MS),
      },
    );
  }
  const expected = sign(request, account.secretAccessKey, region, stamp, signedHeaders!.split(';'));
  if (timingSafeEqual(Buffer.from(expected), Buffer.from(signature!))) return null;
  return refuse(403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match.', {
    AWSAccessKeyId: account.accessKeyId,
    StringToSign: stamp,
  });
}

function refuse(status: number, code: string, message: string, extra: Record<string, string> = {}): Refusal {
  return { status, code, message, extra };
}

/** `20260102T030405Z` in ms; NaN (which no comparison passes) turns into a skew of forever. */
function parseStamp(stamp: string): number {
  const iso = stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const ms = Date.parse(iso);
  return Number.isNaN(ms) ? Number.NEGATIVE_INFINITY : ms;
}

/** The signature in hex that this request ought to carry. */
function sign(
  request: SignedRequest,
  secret: string,
  region: string,
  stamp: string,
  signedHeaders: readonly string[],
): string {
  const [path = '', query = ''] = request.target.split(/\?(.*)/s);
  const headerLines = signedHeaders.map((name) => `${name}:${String(request.headers[name] ?? '').trim()}\n`);
  const canonical = [
    request.method,
    path,
    canonicalQuery(query),
    headerLines.join(''),
    signedHeaders.join(';'),
    String(request.headers['x-amz-content-sha256'] ?? ''),
  ].join('\n');
  const day = stamp.slice(0, 8);
  const scope = `${day}/${region}/s3/aws4_request`;
  const hashed = createHash('sha256').update(canonical).digest('hex');
  let key: string | Buffer = `AWS4${secret}`;
  for (const step of [day, region, 's3', 'aws4_request']) key = hmac(key, step);
  return hmac(key, `AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${hashed}`).toString('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function canonicalQuery(query: string): string {
  if (query === '') return '';
  return query
    .split('&')
    .map((pair) => {
      const [name = '', value = ''] = pair.split(/=(.*)/s);
      return `${strictly(name)}=${strictly(value)}`;
    })
    .sort()
    .join('&');
}

/** Percent-encodes all but RFC 3986's unreserved, whatever the client left as it was. */
function strictly(text: string): string {
  return encodeURIComponent(decodeURIComponent(text)).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
