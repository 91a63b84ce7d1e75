/** The way to one S3 service: the SDK's client, its credentials, and its answers as responses or faults. */

import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { BackhaulError } from '../../../faults/fault.ts';
import { abortError } from '../../../faults/file_fault.ts';
import type { SourceOptions } from '../source.ts';
import type { TransferLimits } from '../transfer/transfer_limits.ts';
import { isWrongRegion, regionToldBy, type S3Request, s3Error } from './s3_fault.ts';

/** More than the request gate ever lets through: the SDK never queues by itself. */
const MAX_SOCKETS = 256;
/** What the AWS command line uses for S3 where nobody says otherwise. */
const REGION_OF_LAST_RESORT = 'us-east-1';

type Sdk = typeof import('@aws-sdk/client-s3');
type Call<T> = (client: S3Client, sdk: Sdk, abortSignal: AbortSignal | undefined) => Promise<T>;

/**
 * The service that `options` name. Loads the SDK (0.14 s, 37 MB) on first use; one access serves all sources and
 * objects of a thread with the same options and `AWS_…` variables, so credentials are looked up once.
 */
export function s3Access(options: SourceOptions, limits: TransferLimits): Promise<S3Access> {
  const { allowPrivateAddresses: _, ...asked } = options;
  const id = JSON.stringify([Object.entries(asked).sort(), limits, awsEnvironment()]);
  let access = ACCESSES.get(id);
  if (access === undefined) {
    access = S3Access.of(options, limits);
    ACCESSES.set(id, access);
    access.catch(() => ACCESSES.delete(id));
  }
  return access;
}

const ACCESSES = new Map<string, Promise<S3Access>>();

/** Where credentials, region and profile may be given: a program may load twice, with others the second time. */
function awsEnvironment(): readonly (readonly [string, string | undefined])[] {
  return Object.entries(process.env).filter(([name]) => name.startsWith('AWS_'));
}

export class S3Access {
  readonly requestPayer: boolean;
  readonly #sdk: Sdk;
  readonly #config: S3ClientConfig;
  readonly #options: SourceOptions;
  readonly #limits: TransferLimits;
  #client: S3Client;
  #region: string;
  #server: string;
  /** The region is nobody's word: the first that the service tells is taken. */
  #guessed: boolean;

  private constructor(sdk: Sdk, options: SourceOptions, limits: TransferLimits, found: Settled) {
    this.requestPayer = options.requestPayer ?? false;
    this.#sdk = sdk;
    this.#options = options;
    this.#limits = limits;
    this.#config = found.config;
    this.#client = found.client;
    this.#region = found.region;
    this.#guessed = found.guessed;
    this.#server = found.server;
  }

  static async of(options: SourceOptions, limits: TransferLimits): Promise<S3Access> {
    const sdk = await import('@aws-sdk/client-s3');
    return new S3Access(sdk, options, limits, await settle(sdk, options, limits));
  }

  /** Host name of the service, for messages. */
  get server(): string {
    return this.#server;
  }

  /**
   * One call of the SDK's, without its own retries. `bodyMs` bounds the whole answer where it is read at once.
   * @throws TransferError; BackhaulError `interrupted` when aborted
   */
  async call<T>(
    what: { readonly uri: string; readonly bucket: string; readonly operation: 'list' | 'get' },
    call: Call<T>,
    signal: AbortSignal | undefined,
    bodyMs: number | null = null,
  ): Promise<T> {
    const timeout = bodyMs === null ? null : AbortSignal.timeout(this.#limits.connectTimeoutMs + bodyMs);
    const both =
      timeout === null ? signal : signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    try {
      return await call(this.#client, this.#sdk, both);
    } catch (error) {
      if (signal?.aborted) throw abortError(signal);
      if (this.#guessed && isWrongRegion(error) && this.#adopt(regionToldBy(error))) {
        return await this.call(what, call, signal, bodyMs);
      }
      const cause = timeout?.aborted ? { name: 'TimeoutError' } : error;
      throw s3Error(cause, this.#request(what));
    }
  }

  #adopt(region: string | null): boolean {
    this.#guessed = false;
    if (region === null) return false;
    this.#region = region;
    this.#client = new this.#sdk.S3Client({ ...this.#config, region });
    if (this.#options.endpointUrl === undefined) this.#server = awsHost(region);
    return true;
  }

  #request(what: { uri: string; bucket: string; operation: 'list' | 'get' }): S3Request {
    return {
      ...what,
      server: this.#server,
      region: this.#region,
      profile: this.#options.profile ?? null,
      signed: this.#options.signRequest ?? true,
    };
  }
}

interface Settled {
  readonly config: S3ClientConfig;
  readonly client: S3Client;
  readonly region: string;
  readonly guessed: boolean;
  readonly server: string;
}

/** A client with its region and its style of address decided. */
async function settle(sdk: Sdk, options: SourceOptions, limits: TransferLimits): Promise<Settled> {
  checkEndpoint(options.endpointUrl);
  const config = clientConfig(options, limits);
  const probe = new sdk.S3Client(config);
  const endpoint = await configuredEndpoint(probe, options);
  const forcePathStyle = options.pathStyle ?? endpoint !== null;
  const region = await probe.config.region().catch(() => null);
  const settled = {
    ...config,
    forcePathStyle,
    region: region ?? process.env['AWS_DEFAULT_REGION'] ?? REGION_OF_LAST_RESORT,
  };
  const server = endpoint === null ? awsHost(settled.region) : hostOf(endpoint);
  return {
    config: settled,
    client: new sdk.S3Client(settled),
    region: settled.region,
    guessed: region === null,
    server,
  };
}

function clientConfig(options: SourceOptions, limits: TransferLimits): S3ClientConfig {
  const { connectTimeoutMs, idleTimeoutMs } = limits;
  return {
    maxAttempts: 1,
    // A clock that is off is reported, not worked around: it spoils more than signatures.
    disableClockSkewCorrection: true,
    // Checksums are verified over the whole object, across resumed ranges, not answer by answer.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: connectTimeoutMs + idleTimeoutMs,
      throwOnRequestTimeout: true,
      // The socket of a paused reader may be silent for as long as it likes.
      socketTimeout: 0,
      httpAgent: { maxSockets: MAX_SOCKETS },
      httpsAgent: { maxSockets: MAX_SOCKETS },
    },
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.endpointUrl === undefined ? {} : { endpoint: options.endpointUrl }),
    ...((options.signRequest ?? true) ? {} : UNSIGNED),
  };
}

const UNSIGNED: S3ClientConfig = {
  credentials: { accessKeyId: '', secretAccessKey: '' },
  signer: { sign: async (request) => request },
};

/** The endpoint in force, by option, environment or profile; null at AWS's own. */
async function configuredEndpoint(client: S3Client, options: SourceOptions): Promise<string | null> {
  if (options.endpointUrl !== undefined) return options.endpointUrl;
  const config = client.config as { serviceConfiguredEndpoint?: () => Promise<string | undefined> };
  return (await config.serviceConfiguredEndpoint?.().catch(() => undefined)) ?? null;
}

/** @throws BackhaulError `usage` */
function checkEndpoint(url: string | undefined): void {
  if (url === undefined || (/^https?:/i.test(url) && URL.canParse(url) && !new URL(url).username)) return;
  throw new BackhaulError({
    kind: 'usage',
    message: '--endpoint-url is no address of a server',
    expected: 'https://host or https://host:port, without a user',
    ...(url.includes('@') ? {} : { found: url.slice(0, 200) }),
  });
}

function awsHost(region: string): string {
  return `s3.${region}.amazonaws.com`;
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'the endpoint';
}
