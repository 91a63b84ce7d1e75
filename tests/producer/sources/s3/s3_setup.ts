import { afterAll, beforeAll } from 'vitest';
import { BackhaulError, type Fault } from '../../../../src/faults/fault.ts';
import { openS3Source } from '../../../../src/producer/sources/s3/source.ts';
import type {
  ListFilter,
  ObjectReader,
  SourceObject,
  SourceOptions,
} from '../../../../src/producer/sources/source.ts';
import type { TransferLimits } from '../../../../src/producer/sources/transfer/transfer_limits.ts';
import { type S3Server, TEST_ACCOUNT } from '../../../s3_server/s3_server.ts';

export const ALL: ListFilter = {
  fromUs: Number.NEGATIVE_INFINITY,
  toUs: Number.POSITIVE_INFINITY,
  symbols: null,
};

/** Limits that let a test see a timeout and eight tries within a second. */
export const EAGER: Partial<TransferLimits> = {
  connectTimeoutMs: 1_000,
  idleTimeoutMs: 150,
  firstPauseMs: 1,
  longestPauseMs: 10,
};

/** The tests' own account, found where the SDK's chain looks first; no file or machine of the host's is asked. */
export function useTestCredentials(): void {
  const set = {
    AWS_ACCESS_KEY_ID: TEST_ACCOUNT.accessKeyId,
    AWS_SECRET_ACCESS_KEY: TEST_ACCOUNT.secretAccessKey,
    AWS_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/nonexistent/config',
    AWS_SHARED_CREDENTIALS_FILE: '/nonexistent/credentials',
  };
  const before = { ...process.env };
  beforeAll(() => void Object.assign(process.env, set));
  afterAll(() => {
    for (const name of Object.keys(set)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });
}

export function testOptions(server: S3Server): SourceOptions {
  return { endpointUrl: server.endpointUrl };
}

export async function listed(
  server: S3Server,
  uri: string,
  filter: ListFilter = ALL,
): Promise<SourceObject[]> {
  const source = await openS3Source(uri, testOptions(server), EAGER);
  return gathered(source.list(filter));
}

/** Bytes are copied: a piece holds only until the next is asked for. */
export async function gathered<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items)
    all.push(item instanceof Uint8Array ? (Buffer.from(item) as unknown as T) : item);
  return all;
}

/** The reader of one object, as listed. */
export async function opened(server: S3Server, uri: string): Promise<ObjectReader> {
  const source = await openS3Source(uri, testOptions(server), EAGER);
  for await (const object of source.list(ALL)) if (object.uri === uri) return source.open(object);
  throw new Error(`${uri} is not listed`);
}

export async function allOf(reader: ObjectReader): Promise<Buffer> {
  return Buffer.concat(await gathered(reader.stream(0, reader.sizeBytes)));
}

/** The fault that a promise must reject with. */
export async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome && outcome.error instanceof BackhaulError) return outcome.error.fault;
  throw new Error('expected a fault', { cause: outcome });
}

/** Bars of these days, UTC. */
export function day(from: string, to: string): Pick<ListFilter, 'fromUs' | 'toUs'> {
  return { fromUs: Date.parse(from) * 1000, toUs: Date.parse(to) * 1000 };
}
