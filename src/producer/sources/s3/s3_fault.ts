/** What S3 (or the SDK on the way to it) refuses, as a fault: by code, never by message text, which may hold secrets. */

import { type Cause, causeOf } from '../../../faults/causes.ts';
import type { Fault } from '../../../faults/fault.ts';
import { retryAfterMs, socketError, TransferError } from '../transfer/transfer_error.ts';

/** Who asked for what. */
export interface S3Request {
  readonly uri: string;
  readonly bucket: string;
  readonly operation: 'list' | 'get';
  /** Host name of the endpoint. */
  readonly server: string;
  readonly region: string;
  readonly profile: string | null;
  readonly signed: boolean;
}

/** The parts of the SDK's errors that are read. */
interface SdkError {
  readonly name?: string;
  readonly Region?: unknown;
  readonly ServerTime?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> };
}

type Words = Pick<Fault, 'message' | 'hint'>;

/** No answer of S3's, or none at all: a wrong address is likelier than an outage. */
const NO_ANSWER: Cause = { kind: 'network', retry: 'few' };

/** The fault of a failed S3 call, with what to do about it. */
export function s3Error(error: unknown, request: S3Request): TransferError {
  const socket = socketError(error, request.uri, request.server);
  if (socket !== null) return socket;
  const sdk = error as SdkError;
  const status = sdk.$metadata?.httpStatusCode ?? sdk.$response?.statusCode ?? null;
  const name = /^[A-Za-z][A-Za-z0-9.]{0,60}$/.test(sdk.name ?? '') ? sdk.name! : 'Error';
  const code = status === null ? name : `${status} ${name}`;
  const wrongRegion = regionWords(sdk, name, status, request);
  const { kind, retry } = wrongRegion === null ? (causeOf(code) ?? NO_ANSWER) : WRONG_REGION_CAUSE;
  const words =
    wrongRegion ??
    WORDS[name]?.(request, sdk) ??
    wordsOfStatus(status, request, name) ??
    noAnswer(name, request);
  return new TransferError(
    { kind, ...words, where: { uri: request.uri }, code },
    retry,
    retryAfterMs(sdk.$response?.headers?.['retry-after'], Date.now()),
  );
}

/** The region a "wrong region" answer tells; null when the error is no such answer or tells none. */
export function regionToldBy(error: unknown): string | null {
  const { Region, $response } = error as SdkError;
  const told = Region ?? $response?.headers?.['x-amz-bucket-region'];
  return typeof told === 'string' && /^[a-z0-9-]{1,40}$/.test(told) ? told : null;
}

const WRONG_REGION = new Set([
  'AuthorizationHeaderMalformed',
  'PermanentRedirect',
  'TemporaryRedirect',
  'IllegalLocationConstraintException',
]);

/** Whether the request went to the wrong region. */
export function isWrongRegion(error: unknown): boolean {
  const { name = '', $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode ?? 0;
  return WRONG_REGION.has(name) || status === 301 || status === 307;
}

/** By a redirect, whose code says nothing else. */
const WRONG_REGION_CAUSE: Cause = { kind: 'credentials', retry: 'no' };

function regionWords(error: SdkError, name: string, status: number | null, request: S3Request): Words | null {
  if (!isWrongRegion(error)) return null;
  const told = regionToldBy(error);
  if (told === null && name === 'AuthorizationHeaderMalformed') return null;
  return {
    message:
      told === null
        ? `bucket ${request.bucket} is not to be reached through region ${request.region} (${status})`
        : `bucket ${request.bucket} is in region ${told}, not in ${request.region}`,
    hint: told === null ? "give the bucket's own region with --region" : `add --region ${told}`,
  };
}

type Explain = (request: S3Request, error: SdkError) => Words;

const slowDown: Explain = ({ server }) => ({
  message: `${server} asks for fewer requests`,
  hint: 'set BACKHAUL_MAX_REQUESTS lower, or load later',
});

const serverFailed: Explain = ({ server }) => ({
  message: `${server} failed`,
});

const denied: Explain = (request) => {
  const { bucket, operation, profile, signed } = request;
  const right = operation === 'list' ? `s3:ListBucket on ${bucket}` : `s3:GetObject in ${bucket}`;
  const who = profile === null ? 'the credentials in use' : `profile ${profile}`;
  return {
    message: operation === 'list' ? `bucket ${bucket} may not be listed` : 'the object may not be read',
    hint: signed
      ? `${who} need ${right} (outside the plan?); a requester-pays bucket wants --request-payer`
      : 'the bucket is not public: leave --no-sign-request away',
  };
};

const noCredentials: Explain = ({ profile }) => ({
  message:
    profile === null ? 'no AWS credentials were found' : `profile ${profile} has no credentials that work`,
  hint:
    profile === null
      ? 'use --profile, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or --no-sign-request for a public bucket'
      : `look at ~/.aws/config; for single sign-on: aws sso login --profile ${profile}`,
});

const expired: Explain = () => ({
  message: 'the credentials have expired',
  hint: 'log in again (aws sso login) or renew AWS_SESSION_TOKEN and the keys it belongs to',
});

const skewed: Explain = (_, error) => {
  const server = Date.parse(String(error.ServerTime ?? error.$response?.headers?.['date'] ?? ''));
  const minutes = Math.round((Date.now() - server) / 60_000);
  const off = Number.isNaN(minutes)
    ? 'too far off'
    : `${Math.abs(minutes)} min ${minutes < 0 ? 'behind' : 'ahead'}`;
  return {
    message: `this machine's clock is ${off} of the server's, so no signature is accepted`,
    hint: 'set the clock (timedatectl set-ntp true)',
  };
};

/** What is said of the codes of `S3_CODE`. */
const WORDS: Readonly<Record<string, Explain>> = {
  NoSuchBucket: ({ bucket, server }) => ({
    message: `there is no bucket ${bucket} at ${server}`,
    hint: 'check the name, and --endpoint-url when it is not at AWS',
  }),
  NoSuchKey: () => ({ message: 'the object is not there (any more)', hint: AGAIN }),
  NotFound: () => ({ message: 'the object is not there (any more)', hint: AGAIN }),
  PreconditionFailed: () => ({
    message: 'the object changed since it was listed',
    hint: AGAIN,
  }),
  InvalidRange: () => ({
    message: 'the object is shorter than it was listed',
    hint: AGAIN,
  }),
  InvalidObjectState: () => ({
    message: 'the object lies in an archive tier and cannot be read',
    hint: 'restore it first (aws s3api restore-object)',
  }),
  AccessDenied: denied,
  Forbidden: denied,
  AllAccessDisabled: denied,
  AccountProblem: denied,
  AuthorizationHeaderMalformed: ({ server }) => ({
    message: `${server} does not understand how the request is signed`,
    hint: 'check --region and --endpoint-url',
  }),
  InvalidAccessKeyId: ({ server }) => ({
    message: `${server} does not know the access key`,
    hint: 'check AWS_ACCESS_KEY_ID or --profile, and that --endpoint-url is where the key belongs',
  }),
  SignatureDoesNotMatch: () => ({
    message: 'the secret key does not belong to the access key',
    hint: 'check AWS_SECRET_ACCESS_KEY or --profile',
  }),
  InvalidToken: () => ({
    message: 'the session token does not belong to the access key',
    hint: 'check AWS_SESSION_TOKEN: unset it for permanent keys, renew it for temporary ones',
  }),
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  TokenRefreshRequired: expired,
  RequestExpired: expired,
  RequestTimeTooSkewed: skewed,
  CredentialsProviderError: noCredentials,
  TokenProviderError: noCredentials,
  ProviderError: noCredentials,
  SlowDown: slowDown,
  ServiceUnavailable: slowDown,
  Throttling: slowDown,
  ThrottlingException: slowDown,
  RequestThrottled: slowDown,
  TooManyRequests: slowDown,
  TooManyRequestsException: slowDown,
  RequestLimitExceeded: slowDown,
  InternalError: serverFailed,
  RequestTimeout: serverFailed,
  OperationAborted: serverFailed,
};

const AGAIN = 'run the same command again: it lists anew';

function wordsOfStatus(status: number | null, request: S3Request, name: string): Words | null {
  if (status === null) return null;
  const explain = EXPLAIN_STATUS[status];
  if (explain !== undefined) return explain(request, {});
  if (status >= 500) return serverFailed(request, {});
  if (status >= 400) return { message: `${request.server} refused with ${status} ${name}` };
  return noS3(request);
}

const EXPLAIN_STATUS: Readonly<Record<number, Explain>> = {
  401: denied,
  403: denied,
  404: (request) => WORDS[request.operation === 'list' ? 'NoSuchBucket' : 'NoSuchKey']!(request, {}),
  408: serverFailed,
  412: (request) => WORDS['PreconditionFailed']!(request, {}),
  416: (request) => WORDS['InvalidRange']!(request, {}),
  429: slowDown,
  503: slowDown,
};

/** An answer that is not S3's, or none at all. */
function noS3({ server }: S3Request): Words {
  return {
    message: `the answer of ${server} is not one of S3`,
    hint: 'check --endpoint-url',
  };
}

function noAnswer(name: string, request: S3Request): Words {
  if (name === 'Error' || name === 'TypeError' || name === 'SyntaxError') return noS3(request);
  return { message: `the request to ${request.server} failed (${name})` };
}
